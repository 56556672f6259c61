struct addrinfo;

/* OpenSSL's names, for programs that only mention them: TLS is not OpenSSL here. */
#if !defined(OPENSSL_TYPES_H) && !defined(HEADER_OPENSSL_TYPES_H)
typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
#endif

typedef struct lws_context *lws_ctx_t;
typedef enum lws_adoption_type lws_adoption_type;
typedef enum lws_system_states lws_system_states_t;
typedef enum lws_cpd_result lws_cpd_result_t;
typedef enum lws_system_blob_item lws_system_blob_item_t;
typedef enum lws_tokenize_elem lws_tokenize_elem;

/*
 * A protocol's callback. It is called on the service thread only. wsi is NULL or a placeholder for
 * events that concern no connection; user is the session's memory, per_session_data_size bytes and
 * zeroed, or NULL; what in and len are depends on the reason. Nonzero closes the connection, unless
 * the reason says otherwise.
 */
typedef int lws_callback_function(struct lws *wsi, enum lws_callback_reasons reason, void *user,
                                  void *in, size_t len);

/* An extension's callback. */
typedef int lws_extension_callback_function(struct lws_context *context,
                                            const struct lws_extension *ext, struct lws *wsi,
                                            enum lws_extension_callback_reasons reason, void *user,
                                            void *in, size_t len);

