/* What programs do with the header, in the subset that C99, C11 and C++17 share. Compiled, never run. */
#include <libwebsockets.h>
#include <ferrows.h>

struct item {
    struct item *next;
    lws_dll2_t list;
    int value;
};

static lws_callback_function callback;

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    unsigned char buf[LWS_PRE + 32];

    (void)user;
    (void)in;
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return LWS_ILLEGAL_HTTP_CONTENT_LEN == (lws_filepos_t)len;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return lws_ptr_diff(buf + LWS_ARRAY_SIZE(buf), buf) + (int)lws_ptr_diff_size_t(buf + 1, buf) + (wsi != NULL);
    case LWS_CALLBACK_RECEIVE:
        return lws_write_ws_flags(LWS_WRITE_TEXT, 1, 0);
    default:
        break;
    }
    return reason == (enum lws_callback_reasons)(LWS_CALLBACK_USER + 1);
}

static const struct lws_protocols protocols[] = {
    { "http", callback, 16, 0, 0, NULL, 0 },
    LWS_PROTOCOL_LIST_TERM
};

static const struct lws_protocol_vhost_options pvo = { NULL, NULL, "name", "value" };

static const lws_retry_bo_t retry = { NULL, 0, LWS_RETRY_CONCEAL_ALWAYS, 3, 10, 20 };

static int op(struct lws *wsi)
{
    return wsi == NULL;
}

static void op_io(struct lws *wsi, unsigned int flags)
{
    struct lws_pollfd pfd;

    (void)wsi;
    pfd.fd = LWS_SOCK_INVALID;
    pfd.events = flags & LWS_EV_READ ? LWS_POLLIN : LWS_POLLOUT;
    pfd.revents = LWS_POLLHUP;
    (void)pfd;
}

int usage_setup(struct lws_context_creation_info *info);
int usage_setup(struct lws_context_creation_info *info)
{
    static struct lws_event_loop_ops ops;
    static lws_plugin_evlib_t evlib;
    static struct lws_http_mount mount;
    static void *loops[1];

    memset(info, 0, sizeof(*info));
    ops.name = "usage";
    ops.init_vhost_listen_wsi = op;
    ops.sock_accept = op;
    ops.wsi_logical_close = op;
    ops.io = op_io;
    ops.flags = LELOF_ISPOLL;
    evlib.hdr.name = "usage";
    evlib.hdr._class = "lws_evlib_plugin";
    evlib.hdr.lws_build_hash = LWS_BUILD_HASH;
    evlib.hdr.api_magic = LWS_PLUGIN_API_MAGIC;
    evlib.ops = &ops;
    mount.mountpoint = "/";
    mount.origin = "./mount-origin";
    mount.def = "index.html";
    mount.origin_protocol = LWSMPRO_FILE;
    mount.mountpoint_len = 1;
    mount.cache_reusable = 1;
    mount.cache_revalidate = 1;
    mount.cache_intermediaries = 0;
    info->port = CONTEXT_PORT_NO_LISTEN;
    info->protocols = protocols;
    info->pvo = &pvo;
    info->mounts = &mount;
    info->retry_and_idle_policy = &retry;
    info->event_lib_custom = &evlib;
    info->foreign_loops = loops;
    info->options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_ULOOP |
                    LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE;
    return lws_check_opt(info->options, LWS_SERVER_OPTION_ULOOP);
}

int usage_lists(struct item *head, lws_dll2_owner_t *owner, struct item *extra);
int usage_lists(struct item *head, lws_dll2_owner_t *owner, struct item *extra)
{
    int sum = 0;

    lws_ll_fwd_insert(extra, next, head);
    lws_start_foreach_ll(struct item *, it, head) {
        sum += it->value;
    } lws_end_foreach_ll(it, next);
    lws_start_foreach_ll_safe(struct item *, it, head, next) {
        sum += it->value;
    } lws_end_foreach_ll_safe(it);
    lws_start_foreach_llp(struct item **, it, head) {
        sum += (*it)->value;
    } lws_end_foreach_llp(it, next);
    lws_start_foreach_llp_safe(struct item **, it, head, next) {
        sum += (*it)->value;
    } lws_end_foreach_llp_safe(it);
    lws_ll_fwd_remove(struct item, next, extra, head);
    lws_start_foreach_dll(struct lws_dll2 *, d, lws_dll2_get_head(owner)) {
        sum += lws_container_of(d, struct item, list)->value;
    } lws_end_foreach_dll(d);
    lws_start_foreach_dll_safe(struct lws_dll2 *, d, d1, owner->head) {
        sum += lws_container_of(d, struct item, list)->value;
    } lws_end_foreach_dll_safe(d, d1);
    return sum + (lws_dll2_owner(&extra->list) != owner) + (lws_dll2_get_tail(owner) == NULL);
}

struct reader {
    struct reader *next;
    uint32_t tail;
};

size_t usage_rings(struct lws_ring *ring, struct reader *readers, struct reader *self);
size_t usage_rings(struct lws_ring *ring, struct reader *readers, struct reader *self)
{
    size_t waiting = lws_ring_get_count_waiting_elements(ring, &self->tail);

    if (lws_ring_get_element(ring, &self->tail)) {
        lws_ring_consume_and_update_oldest_tail(ring, struct reader, &self->tail, 1, readers, tail, next);
    } else {
        lws_ring_consume_single_tail(ring, &self->tail, waiting);
    }
    return waiting;
}

int usage_addresses(lws_sockaddr46 *sa46);
int usage_addresses(lws_sockaddr46 *sa46)
{
    sa46_sockport(sa46, 1);
    return sa46_address(sa46)[0] + sa46_address_len(sa46) + (int)sa46_socklen(sa46) + (sa46_sockaddr(sa46) == NULL);
}

lws_usec_t usage_times(void);
lws_usec_t usage_times(void)
{
    return LWS_US_PER_SEC + LWS_US_TO_MS(LWS_USEC_PER_SEC) + LWS_SET_TIMER_USEC_CANCEL;
}

void usage_logs(int n);
void usage_logs(int n)
{
    lwsl_err("%d\n", n);
    lwsl_warn("%d\n", n);
    lwsl_notice("plain\n");
    lwsl_info("%d\n", n);
    lwsl_debug("%d\n", n);
    lwsl_user("%d\n", n);
    if (n)
        lwsl_parser("a branch\n");
    else
        lwsl_ext("another\n");
    _lws_log(LLL_USER | LLLF_SECRECY_PII, "%s", "text");
}
