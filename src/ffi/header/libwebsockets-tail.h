#ifdef __cplusplus
extern "C" {
#endif

/*
 * Logs a line at one LLL_* level, formatted as printf() does. Use the lwsl_...() macros. A newline is
 * added if there is none. May be called on any thread.
 */
void _lws_log(int filter, const char *format, ...) LWS_FORMAT(2);

/* The same with a va_list. */
void _lws_logv(int filter, const char *format, va_list vl);

/*
 * Logs a line about obj to a log context (NULL: the process's), after what prep and the context's
 * own prepend write, and the function's name. Use the lwsl_cx_...(), lwsl_vhost_...() and
 * lwsl_wsi_...() macros.
 */
void _lws_log_cx(lws_log_cx_t *cx, lws_log_prepend_cx_t prep, void *obj, int filter,
                 const char *_fun, const char *format, ...) LWS_FORMAT(6);

/*
 * snprintf() that returns at most size, so that results can be added up: the number of bytes written,
 * without the NUL; size if the text was cut to size - 1 of them; 0 if size is 0 or str is NULL.
 */
int lws_snprintf(char *str, size_t size, const char *format, ...) LWS_FORMAT(3);

/* open() with close-on-exec. The mode follows if the flags create a file. -1 and errno on failure. */
int lws_open(const char *__file, int __oflag, ...);

#ifdef __cplusplus
}
#endif

/* The log levels that are compiled in: debug builds (_DEBUG) have all of them. */
#if defined(_DEBUG) && !defined(LWS_WITH_NO_LOGS)
#define _LWS_LINIT ((1 << LLL_COUNT) - 1)
#elif defined(LWS_WITH_NO_LOGS)
#define _LWS_LINIT (LLL_ERR | LLL_USER)
#else
#define _LWS_LINIT (LLL_ERR | LLL_USER | LLL_WARN | LLL_NOTICE)
#endif
#if defined(LWS_LOGGING_BITFIELD_SET)
#define _LWS_LBS (LWS_LOGGING_BITFIELD_SET)
#else
#define _LWS_LBS 0
#endif
#if defined(LWS_LOGGING_BITFIELD_CLEAR)
#define _LWS_LBC (LWS_LOGGING_BITFIELD_CLEAR)
#else
#define _LWS_LBC 0
#endif
#define _LWS_ENABLED_LOGS ((_LWS_LINIT | _LWS_LBS) & ~_LWS_LBC)

/* Log lines at a level given, about a context, a vhost, a connection. */
#define lwsl_cx(_c, _fil, ...) \
    _lws_log_cx(lwsl_context_get_cx(_c), lws_log_prepend_context, _c, _fil, __func__, __VA_ARGS__)
#define lwsl_vhost(_v, _fil, ...) \
    _lws_log_cx(lwsl_vhost_get_cx(_v), lws_log_prepend_vhost, _v, _fil, __func__, __VA_ARGS__)
#define lwsl_wsi(_w, _fil, ...) \
    _lws_log_cx(lwsl_wsi_get_cx(_w), lws_log_prepend_wsi, _w, _fil, __func__, __VA_ARGS__)

/* Hex dumps at a level given, about a context, a vhost, a connection. */
#define lwsl_hexdump_context(_c, _fil, _buf, _len) \
    lwsl_hexdump_level_cx(lwsl_context_get_cx(_c), lws_log_prepend_context, _c, _fil, _buf, _len)
#define lwsl_hexdump_vhost(_v, _fil, _buf, _len) \
    lwsl_hexdump_level_cx(lwsl_vhost_get_cx(_v), lws_log_prepend_vhost, _v, _fil, _buf, _len)
#define lwsl_hexdump_wsi(_w, _fil, _buf, _len) \
    lwsl_hexdump_level_cx(lwsl_wsi_get_cx(_w), lws_log_prepend_wsi, _w, _fil, _buf, _len)

@LOG_LEVELS@
#define LWS_ARRAY_SIZE(_x) (sizeof(_x) / sizeof((_x)[0]))
/* Rounds x up to a multiple of bou, in place. */
#define LWS_ALIGN_TO(x, bou) x += ((bou) - ((x) % (bou))) % (bou)
/* The struct of type T whose member M is at P. */
#ifndef lws_container_of
#define lws_container_of(P, T, M) ((T *)((char *)(P) - offsetof(T, M)))
#endif
/* Bytes from tail to head. */
#define lws_ptr_diff(head, tail) ((int)((char *)(head) - (char *)(tail)))
#define lws_ptr_diff_size_t(head, tail) ((size_t)(ssize_t)((char *)(head) - (char *)(tail)))
/* Are all bits of f set in c? */
#define lws_check_opt(c, f) ((((uint64_t)(c)) & ((uint64_t)(f))) == ((uint64_t)(f)))
/* Copies size1 bytes, or as many as fit, of a string that need not end, and terminates the copy. */
#define lws_strnncpy(dest, src, size1, destsize) \
    lws_strncpy(dest, src, (size_t)((size1) + 1) < (size_t)(destsize) ? (size_t)((size1) + 1) \
                                                                      : (size_t)(destsize))
/* Where writing goes on in an array _t that has _l bytes left, and how many are used. */
#define lws_concat_temp(_t, _l) (_t + sizeof(_t) - _l)
#define lws_concat_used(_t, _l) (sizeof(_t) - _l)

/* The end of an array of protocols. */
#define LWS_PROTOCOL_LIST_TERM { NULL, NULL, 0, 0, 0, NULL, 0 }

#define lws_write_http(wsi, buf, len) lws_write(wsi, (unsigned char *)(buf), len, LWS_WRITE_HTTP)
/* Closes w at LWS_TO_KILL_SYNC or LWS_TO_KILL_ASYNC. */
#define lws_wsi_close(w, to_kill) lws_set_timeout(w, (enum pending_timeout)1, to_kill)
#define lws_time_in_microseconds lws_now_usecs
#define lws_http_client_http_resp_is_error(code) (!((code) < 400))
/* Debugging aids of the original that ship switched off. */
#define lws_sul_debug_zombies(_a, _b, _c, _d)
#define lws_dll2_describe(x, y)
#define lws_fi_user_wsi_fi(_wsi, _name) (0)
#define lws_fi_user_context_fi(_ctx, _name) (0)

/* One service thread per context: there is nothing to lock. */
#define lws_pthread_mutex(name)
#define lws_pthread_mutex_init(_a)
#define lws_pthread_mutex_destroy(_a)
#define lws_pthread_mutex_lock(_a)
#define lws_pthread_mutex_unlock(_a)

/* Parts of a lws_sockaddr46. */
#define sa46_sockaddr(_sa46) ((struct sockaddr *)(_sa46))
#define sa46_socklen(_sa46) \
    (socklen_t)((_sa46)->sa4.sin_family == AF_INET ? sizeof(struct sockaddr_in) \
                                                   : sizeof(struct sockaddr_in6))
#define sa46_sockport(_sa46, _sp) \
    { \
        if ((_sa46)->sa4.sin_family == AF_INET) \
            (_sa46)->sa4.sin_port = (_sp); \
        else \
            (_sa46)->sa6.sin6_port = (_sp); \
    }
#define sa46_address(_sa46) \
    ((_sa46)->sa4.sin_family == AF_INET ? (uint8_t *)&(_sa46)->sa4.sin_addr \
                                        : (uint8_t *)&(_sa46)->sa6.sin6_addr)
#define sa46_address_len(_sa46) ((_sa46)->sa4.sin_family == AF_INET ? 4 : 16)

/*
 * Loops over linked lists; each start macro opens a block that its end macro closes.
 *
 * ll: "it" walks over objects by their member "nxt". llp: "it" walks over the pointers to them, so
 * that *it can be replaced. The safe kinds allow to free the object that is visited.
 */
#define lws_start_foreach_ll(type, it, start) \
    { \
        type it = start; \
        while (it) {
#define lws_end_foreach_ll(it, nxt) \
            it = (it)->nxt; \
        } \
    }
#define lws_start_foreach_ll_safe(type, it, start, nxt) \
    { \
        type it = start; \
        while (it) { \
            type next_##it = (it)->nxt;
#define lws_end_foreach_ll_safe(it) \
            it = next_##it; \
        } \
    }
#define lws_start_foreach_llp(type, it, start) \
    { \
        type it = &(start); \
        while (*(it)) {
#define lws_end_foreach_llp(it, nxt) \
            it = &(*(it))->nxt; \
        } \
    }
#define lws_start_foreach_llp_safe(type, it, start, nxt) \
    { \
        type it = &(start); \
        type next; \
        while (*(it)) { \
            next = &((*(it))->nxt);
#define lws_end_foreach_llp_safe(it) \
            it = next; \
        } \
    }
/* Puts an object first in a list linked by its member. */
#define lws_ll_fwd_insert(___new_object, ___m_list, ___list_head) \
    { \
        (___new_object)->___m_list = ___list_head; \
        ___list_head = ___new_object; \
    }
/* Takes an object out of a list linked by its member. */
#define lws_ll_fwd_remove(___type, ___m_list, ___target, ___list_head) \
    { \
        lws_start_foreach_llp(___type **, ___ppss, ___list_head) { \
            if (*___ppss == ___target) { \
                *___ppss = (___target)->___m_list; \
                break; \
            } \
        } lws_end_foreach_llp(___ppss, ___m_list); \
    }
/* dll: over the nodes of a struct lws_dll2_owner, from its head. */
#define lws_start_foreach_dll(___type, ___it, ___start) \
    { \
        ___type ___it = ___start; \
        while (___it) {
#define lws_end_foreach_dll(___it) \
            ___it = (___it)->next; \
        } \
    }
#define lws_start_foreach_dll_safe(___type, ___it, ___tmp, ___start) \
    { \
        ___type ___it = ___start; \
        while (___it) { \
            ___type ___tmp = (___it)->next;
#define lws_end_foreach_dll_safe(___it, ___tmp) \
            ___it = ___tmp; \
        } \
    }

/*
 * The first of the type * in list own, linked by member membd2list, whose const char * member membptr is
 * the namelen characters at name; or NULL.
 */
#define lws_dll2_search_sz_pl(own, name, namelen, type, membd2list, membptr) \
    ((type *)_lws_dll2_search_sz_pl(own, name, namelen, offsetof(type, membd2list), offsetof(type, membptr)))

/* Singly linked lists: the structure of type T whose member M an element P points to; the next element. */
#define lws_list_ptr_container(P, T, M) ((T *)((char *)(P) - offsetof(T, M)))
#define lws_list_ptr_advance(_lp) _lp = *((void **)_lp)

/*
 * Consumes elements of a ring with several consumers, and tells the ring when the slowest of them has gone on: the
 * consumer *ptail takes count elements; the consumers are the structures of the type in the list that starts with
 * head and is linked by member next, and their tails are member tail.
 */
#define lws_ring_consume_and_update_oldest_tail(ring_, type_, ptail_, count_, head_, tail_, next_) \
    { \
        int lws_was_oldest_ = lws_ring_get_oldest_tail(ring_) == *(ptail_); \
        lws_ring_consume(ring_, ptail_, NULL, count_); \
        if (lws_was_oldest_) { \
            size_t lws_most_ = 0, lws_waiting_; \
            uint32_t lws_oldest_ = *(ptail_); \
            lws_start_foreach_llp(type_ **, lws_it_, head_) { \
                lws_waiting_ = lws_ring_get_count_waiting_elements(ring_, &(*lws_it_)->tail_); \
                if (lws_waiting_ >= lws_most_) { \
                    lws_most_ = lws_waiting_; \
                    lws_oldest_ = (*lws_it_)->tail_; \
                } \
            } lws_end_foreach_llp(lws_it_, next_); \
            lws_ring_update_oldest_tail(ring_, lws_oldest_); \
        } \
    }
/* The same for a ring with one consumer, who keeps its tail: *ptail takes count elements. */
#define lws_ring_consume_single_tail(ring_, ptail_, count_) \
    { \
        lws_ring_consume(ring_, ptail_, NULL, count_); \
        lws_ring_update_oldest_tail(ring_, *(ptail_)); \
    }

/* The list that a node is in, or NULL. */
static LWS_INLINE const struct lws_dll2_owner *lws_dll2_owner(const struct lws_dll2 *d)
{
    return d->owner;
}

/* The first node of a list, or NULL. */
static LWS_INLINE struct lws_dll2 *lws_dll2_get_head(struct lws_dll2_owner *owner)
{
    return owner->head;
}

/* The last node of a list, or NULL. */
static LWS_INLINE struct lws_dll2 *lws_dll2_get_tail(struct lws_dll2_owner *owner)
{
    return owner->tail;
}

/*
 * What to give lws_write() for one fragment of a WebSocket message: "initial" is LWS_WRITE_TEXT or
 * LWS_WRITE_BINARY, is_start and is_end say whether the fragment is the first and the last one.
 */
static LWS_INLINE int lws_write_ws_flags(int initial, int is_start, int is_end)
{
    int flags = initial;

    if (!is_start)
        flags = LWS_WRITE_CONTINUATION;
    if (!is_end)
        flags |= LWS_WRITE_NO_FIN;
    return flags;
}

/* Closes a file of lws_vfs_file_open() and makes the pointer NULL. */
static LWS_INLINE int lws_vfs_file_close(lws_fop_fd_t *fop_fd)
{
    return *fop_fd && (*fop_fd)->fops ? (*fop_fd)->fops->close(fop_fd) : 0;
}

/* Moves in a file by an offset from where it is. */
static LWS_INLINE lws_fileofs_t lws_vfs_file_seek_cur(lws_fop_fd_t fop_fd, lws_fileofs_t offset)
{
    return fop_fd->fops->seek_cur(fop_fd, offset);
}

/* Reads up to len bytes; *amount says how many there were. */
static LWS_INLINE int lws_vfs_file_read(lws_fop_fd_t fop_fd, lws_filepos_t *amount, uint8_t *buf,
                                        lws_filepos_t len)
{
    return fop_fd->fops->read(fop_fd, amount, buf, len);
}

/* Writes up to len bytes; *amount says how many were written. */
static LWS_INLINE int lws_vfs_file_write(lws_fop_fd_t fop_fd, lws_filepos_t *amount, uint8_t *buf,
                                         lws_filepos_t len)
{
    return fop_fd->fops->write(fop_fd, amount, buf, len);
}

#endif
