#include "weft/io/http_client.h"

#include <curl/curl.h>
#include <string.h>

#define TIMEOUT_S 30L
#define ANSWER_MAX (64u << 20)

static size_t received(char *data, size_t size, size_t count, void *owner)
{
    struct buf *body = owner;
    size_t len = size * count;
    if (body->len + len > ANSWER_MAX)
        return 0; /* which ends the call */
    buf_add(body, data, len);
    return len;
}

static void set_up(CURL *curl, const char *method, const char *url, struct buf *body, char *why)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, received);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    if (strcmp(method, "POST") == 0)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
}

enum err http_call(const char *method, const char *url, int *status, struct buf *body,
                   struct error *error)
{
    char why[CURL_ERROR_SIZE] = "";
    long code = 0;
    buf_init(body);
    CURL *curl = curl_easy_init();
    if (!curl)
        return error_set(error, ERR_INTERNAL, "libcurl cannot be used");
    set_up(curl, method, url, body, why);
    CURLcode result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_cleanup(curl);
    *status = (int)code;
    return result == CURLE_OK ? ERR_OK
                              : error_set(error, ERR_BUSY, "%.60s: %.90s", url,
                                          why[0] ? why : curl_easy_strerror(result));
}
