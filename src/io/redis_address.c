/* A URL is cut at its separators first and percent-decoded after, piece by piece, so that a
 * password may hold any of them in encoded form. What is not understood is refused, never guessed:
 * a mistyped parameter must not become a connection without verification. No reason given here
 * quotes the URL, which has a password in it. */
#define _GNU_SOURCE /* memrchr */
#include "redis_address.h"
#include "weft/base/buf.h"
#include "weft/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define REDIS_PORT 6379
#define SENTINEL_PORT 26379
#define DB_MAX 65535

struct piece {
    const char *at;
    size_t len;
};

static struct piece piece_of(const char *text)
{
    return (struct piece){text, strlen(text)};
}

static bool piece_is(struct piece piece, const char *text)
{
    return piece.len == strlen(text) && memcmp(piece.at, text, piece.len) == 0;
}

/* Cuts off what stands before the first of the separators; *rest keeps that one and what follows.
 */
static struct piece cut(struct piece *rest, const char *separators)
{
    struct piece head = {rest->at, 0};
    while (head.len < rest->len && !strchr(separators, head.at[head.len]))
        head.len++;
    rest->at += head.len;
    rest->len -= head.len;
    return head;
}

/* Skips the separator at the start, if it is there. */
static bool skip(struct piece *rest, char separator)
{
    if (rest->len == 0 || rest->at[0] != separator)
        return false;
    rest->at++;
    rest->len--;
    return true;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Returns a new string, or NULL where an escape is broken or stands for NUL. */
static char *decode(struct piece piece)
{
    char *out = mem_alloc(piece.len + 1), *to = out;
    for (size_t i = 0; i < piece.len; i++) {
        if (piece.at[i] != '%') {
            *to++ = piece.at[i];
            continue;
        }
        int high = i + 2 < piece.len ? hex(piece.at[i + 1]) : -1;
        int low = i + 2 < piece.len ? hex(piece.at[i + 2]) : -1;
        if (high < 0 || low < 0 || high + low == 0) {
            free(out);
            return NULL;
        }
        *to++ = (char)(high * 16 + low);
        i += 2;
    }
    *to = '\0';
    return out;
}

static bool read_number(struct piece piece, unsigned most, unsigned *out)
{
    if (piece.len == 0 || piece.len > 5)
        return false;
    *out = 0;
    for (size_t i = 0; i < piece.len; i++) {
        if (piece.at[i] < '0' || piece.at[i] > '9')
            return false;
        *out = *out * 10 + (unsigned)(piece.at[i] - '0');
    }
    return *out <= most;
}

/* ---- the parts ---- */

static bool is_host(struct piece name, bool is_bracketed)
{
    const char *extra = is_bracketed ? ":." : ".-_";
    if (name.len == 0 || name.len >= REDIS_HOST_SIZE)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!(c >= '0' && c <= '9') && !(is_bracketed ? hex(c) >= 0 : is_letter) &&
            (c == '\0' || !strchr(extra, c)))
            return false;
    }
    return true;
}

static bool read_host(struct piece text, unsigned default_port, struct redis_host *out)
{
    bool is_bracketed = skip(&text, '[');
    struct piece name = cut(&text, is_bracketed ? "]" : ":");
    if (!is_host(name, is_bracketed) || (is_bracketed && !skip(&text, ']')))
        return false;
    unsigned port = default_port;
    if (text.len > 0 && (!skip(&text, ':') || !read_number(text, 65535, &port) || port == 0))
        return false;
    memcpy(out->name, name.at, name.len);
    out->name[name.len] = '\0';
    out->port = (uint16_t)port;
    return true;
}

static enum err read_hosts(struct redis_address *address, struct piece text, struct error *error)
{
    unsigned port = address->service ? SENTINEL_PORT : REDIS_PORT;
    do {
        if (address->host_count == REDIS_HOSTS_MAX)
            return error_set(error, ERR_BAD_MESSAGE, "the URL of Redis has more than %d hosts",
                             REDIS_HOSTS_MAX);
        if (!read_host(cut(&text, ","), port, &address->hosts[address->host_count]))
            return error_set(error, ERR_BAD_MESSAGE,
                             "the URL of Redis needs host:port after :// and user:password@");
        address->host_count++;
    } while (skip(&text, ','));
    if (address->host_count > 1 && !address->service)
        return error_set(error, ERR_BAD_MESSAGE,
                         "only the URL of sentinels (redis+sentinel://) may have several hosts");
    return ERR_OK;
}

/* user:password or :password, in front of the last @; *authority keeps what follows it. */
static enum err read_user(struct redis_address *address, struct piece *authority,
                          struct error *error)
{
    const char *at = memrchr(authority->at, '@', authority->len);
    if (!at)
        return ERR_OK;
    struct piece user = {authority->at, (size_t)(at - authority->at)};
    authority->len -= user.len + 1;
    authority->at = at + 1;

    struct piece name = cut(&user, ":");
    if (!skip(&user, ':') || user.len == 0)
        return error_set(error, ERR_BAD_MESSAGE,
                         "the URL of Redis has a user but no password (user:password@)");
    address->password = decode(user);
    address->user = name.len > 0 ? decode(name) : NULL;
    if (!address->password || (name.len > 0 && !address->user))
        return error_set(error, ERR_BAD_MESSAGE,
                         "user or password in the URL of Redis has a %% that is no %%XX");
    return ERR_OK;
}

static enum err read_db(struct redis_address *address, struct piece text, struct error *error)
{
    if (text.len > 0 && !read_number(text, DB_MAX, &address->db))
        return error_set(error, ERR_BAD_MESSAGE,
                         "what follows the host in the URL of Redis is no database number");
    return ERR_OK;
}

static enum err read_service(struct redis_address *address, struct piece *path, struct error *error)
{
    struct piece service = cut(path, "/");
    skip(path, '/');
    address->service = decode(service);
    if (!address->service || address->service[0] == '\0')
        return error_set(error, ERR_BAD_MESSAGE,
                         "the URL of Redis needs the sentinels' name for it: …:26379/name");
    return ERR_OK;
}

static enum err read_socket(struct redis_address *address, struct piece path, struct error *error)
{
    address->path = decode(path);
    if (!address->path || address->path[0] != '/' ||
        strlen(address->path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return error_set(error, ERR_BAD_MESSAGE,
                         "the URL of Redis needs a path of at most 107 bytes: unix:///path");
    return ERR_OK;
}

static enum err read_parameter(struct redis_address *address, struct piece text,
                               struct error *error)
{
    struct piece name = cut(&text, "=");
    skip(&text, '=');
    if (!address->is_tls)
        return error_set(error, ERR_BAD_MESSAGE, "only rediss:// takes parameters after ?");
    if (piece_is(name, "ca") && text.len > 0 && !address->ca && (address->ca = decode(text)))
        return ERR_OK;
    if (piece_is(name, "verify") && piece_is(text, "none")) {
        address->is_verified = false;
        return ERR_OK;
    }
    return error_set(error, ERR_BAD_MESSAGE,
                     "the URL of Redis takes ?ca=FILE and ?verify=none, nothing else");
}

/* So that what is logged is one word, whatever was meant by it. */
static void add_encoded(struct buf *out, const char *text, const char *plain)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (is_plain || strchr(plain, c))
            buf_add_char(out, *text);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static void print_label(struct redis_address *address)
{
    struct buf out = BUF_EMPTY;
    if (address->path) {
        buf_add_text(&out, "unix://");
        add_encoded(&out, address->path, "-._~/");
    } else {
        buf_add_text(&out, address->service ? "redis+sentinel://"
                                            : (address->is_tls ? "rediss://" : "redis://"));
        for (size_t i = 0; i < address->host_count; i++) {
            const struct redis_host *host = &address->hosts[i];
            const char *form = strchr(host->name, ':') ? "%s[%s]:%u" : "%s%s:%u";
            buf_printf(&out, form, i > 0 ? "," : "", host->name, host->port);
        }
        if (address->service) {
            buf_add_char(&out, '/');
            add_encoded(&out, address->service, "-._~");
        }
        if (address->db)
            buf_printf(&out, "/%u", address->db);
    }
    address->label = out.data;
}

/* ---- the whole ---- */

static const struct scheme {
    const char *prefix;
    bool is_tls, is_sentinel, is_unix;
} schemes[] = {
    {"redis://", false, false, false},
    {"rediss://", true, false, false},
    {"unix://", false, false, true},
    {"redis+sentinel://", false, true, false},
};

static const struct scheme *find_scheme(struct piece *url)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i].prefix);
        if (url->len < len || memcmp(url->at, schemes[i].prefix, len) != 0)
            continue;
        url->at += len;
        url->len -= len;
        return &schemes[i];
    }
    return NULL;
}

static enum err read_parts(struct redis_address *address, struct piece url, struct error *error)
{
    const struct scheme *scheme = find_scheme(&url);
    if (!scheme)
        return error_set(error, ERR_BAD_MESSAGE,
                         "the URL of Redis begins with redis://, rediss://, unix:// or "
                         "redis+sentinel://");
    address->is_tls = address->is_verified = scheme->is_tls;
    struct piece authority = cut(&url, "/?");
    if (read_user(address, &authority, error) != ERR_OK)
        return error->code;
    struct piece path = cut(&url, "?");
    if (scheme->is_unix && authority.len > 0)
        return error_set(error, ERR_BAD_MESSAGE, "the path follows unix:// without a host");
    if (!scheme->is_unix)
        skip(&path, '/');
    if ((scheme->is_unix && read_socket(address, path, error) != ERR_OK) ||
        (scheme->is_sentinel && read_service(address, &path, error) != ERR_OK) ||
        (!scheme->is_unix && (read_db(address, path, error) != ERR_OK ||
                              read_hosts(address, authority, error) != ERR_OK)))
        return error->code;
    bool has_parameters = skip(&url, '?');
    while (has_parameters) {
        if (read_parameter(address, cut(&url, "&"), error) != ERR_OK)
            return error->code;
        has_parameters = skip(&url, '&');
    }
    return ERR_OK;
}

struct redis_address *redis_address_parse(const char *url, struct error *error)
{
    struct redis_address *address = mem_zalloc(sizeof(*address));
    struct error first = {0};
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            error_set(&first, ERR_BAD_MESSAGE,
                      "the URL of Redis has a space or a control character in it");
    if (first.code == ERR_OK && read_parts(address, piece_of(url), &first) == ERR_OK) {
        print_label(address);
        return address;
    }
    redis_address_free(address);
    error_set(error, first.code, "%s", first.text);
    return NULL;
}

void redis_address_free(struct redis_address *address)
{
    if (!address)
        return;
    free(address->path);
    free(address->service);
    free(address->user);
    free(address->password);
    free(address->ca);
    free(address->label);
    free(address);
}

const char *redis_address_label(const struct redis_address *address)
{
    return address->label;
}
