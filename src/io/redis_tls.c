/* The certificates are read anew for every connection, so that a renewed file counts from the next
 * one on. A stream of bytes is encrypted at once into memory, so a write never waits for a read;
 * renegotiation, which could make it, is off. */
#include "redis_tls.h"
#include "weft/base/mem.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct redis_tls {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out; /* ssl's */
    bool is_shaken;
};

/* What OpenSSL has to say about its last failure, and the queue of its errors emptied. */
static enum err fail(struct redis_tls *tls, const char *what, struct error *error)
{
    long verdict = tls->ssl ? SSL_get_verify_result(tls->ssl) : X509_V_OK;
    unsigned long code = ERR_peek_error(); /* the first is the cause of the others */
    const char *reason = ERR_reason_error_string(code);
    if (verdict != X509_V_OK)
        reason = X509_verify_cert_error_string(verdict);
    else if (code != 0 && ERR_SYSTEM_ERROR(code))
        reason = strerror(ERR_GET_REASON(code));
    ERR_clear_error();
    return error_set(error, ERR_BUSY, "TLS: %s: %s", what,
                     reason ? reason : "closed by the server");
}

static bool trust(struct redis_tls *tls, const struct redis_address *address)
{
    SSL_CTX_set_verify(tls->context, address->is_verified ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                       NULL);
    if (address->ca)
        return SSL_CTX_load_verify_file(tls->context, address->ca) == 1;
    return SSL_CTX_set_default_verify_paths(tls->context) == 1;
}

/* An address in numbers is looked for among the certificate's addresses, and is no name for SNI. */
static bool expect_host(struct redis_tls *tls, const char *host)
{
    unsigned char numeric[16];
    X509_VERIFY_PARAM *parameters = SSL_get0_param(tls->ssl);
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (uv_inet_pton(AF_INET, host, numeric) == 0 || uv_inet_pton(AF_INET6, host, numeric) == 0)
        return X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1;
    return SSL_set_tlsext_host_name(tls->ssl, host) == 1 && SSL_set1_host(tls->ssl, host) == 1;
}

static bool make_session(struct redis_tls *tls, const char *host)
{
    tls->ssl = SSL_new(tls->context);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (!tls->ssl || !tls->in || !tls->out)
        abort(); /* out of memory, as in mem.c */
    BIO_set_mem_eof_return(tls->in, -1);
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    SSL_set_connect_state(tls->ssl);
    return expect_host(tls, host);
}

struct redis_tls *redis_tls_new(const struct redis_address *address, const char *host,
                                struct error *error)
{
    struct redis_tls *tls = mem_zalloc(sizeof(*tls));
    tls->context = SSL_CTX_new(TLS_client_method());
    if (!tls->context)
        abort();
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_options(tls->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    ERR_clear_error();
    if (!trust(tls, address))
        fail(tls, address->ca ? address->ca : "the system's certificates", error);
    else if (!make_session(tls, host))
        fail(tls, host, error);
    else
        return tls;
    redis_tls_free(tls);
    return NULL;
}

void redis_tls_free(struct redis_tls *tls)
{
    if (!tls)
        return;
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->context);
    free(tls);
}

void redis_tls_put(struct redis_tls *tls, const char *data, size_t len)
{
    if (BIO_write(tls->in, data, (int)len) != (int)len)
        abort();
}

void redis_tls_take(struct redis_tls *tls, struct buf *out)
{
    char *data;
    long len = BIO_get_mem_data(tls->out, &data);
    if (len > 0)
        buf_add(out, data, (size_t)len);
    (void)BIO_reset(tls->out);
}

/* Whether it only waits for more from the network. */
static bool only_waits(struct redis_tls *tls, int result)
{
    int reason = SSL_get_error(tls->ssl, result);
    return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE;
}

enum err redis_tls_shake(struct redis_tls *tls, bool *is_done, struct error *error)
{
    *is_done = false;
    if (tls->is_shaken)
        return ERR_OK;
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    tls->is_shaken = *is_done = result == 1;
    return result == 1 || only_waits(tls, result) ? ERR_OK : fail(tls, "no handshake", error);
}

enum err redis_tls_read(struct redis_tls *tls, char *data, size_t size, size_t *len,
                        struct error *error)
{
    *len = 0;
    ERR_clear_error();
    int result = SSL_read_ex(tls->ssl, data, size, len);
    return result == 1 || only_waits(tls, result) ? ERR_OK : fail(tls, "cannot read", error);
}

enum err redis_tls_write(struct redis_tls *tls, const char *data, size_t len, struct error *error)
{
    size_t done;
    ERR_clear_error();
    return SSL_write_ex(tls->ssl, data, len, &done) == 1 ? ERR_OK
                                                         : fail(tls, "cannot write", error);
}
