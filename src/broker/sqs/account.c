/* The URL, the region and the credentials; see account.h. */
#include "broker/sqs/account.h"

#include <aeon/error.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OLD_LIMIT = 256 * 1024, NEW_LIMIT = 1024 * 1024, LINE = 4096 };

static const char *environment(const char *name)
{
        const char *value = getenv(name);
        return value && *value ? value : NULL;
}

/* ------------------------------------------------------------------ credentials */

struct credentials {
        char *key, *secret, *token; /* NULL: not found */
};

static void credentials_done(struct credentials *c)
{
        free(c->key);
        free(c->secret);
        free(c->token);
}

static char *trimmed(char *text)
{
        while (isspace((unsigned char)*text))
                text++;
        size_t length = strlen(text);
        while (length && isspace((unsigned char)text[length - 1]))
                text[--length] = '\0';
        return text;
}

static void take_line(struct credentials *c, char *line)
{
        char *equals = strchr(line, '=');
        if (!equals)
                return;
        *equals = '\0';
        const char *name = trimmed(line), *value = trimmed(equals + 1);
        char **place = !strcmp(name, "aws_access_key_id")       ? &c->key
                       : !strcmp(name, "aws_secret_access_key") ? &c->secret
                       : !strcmp(name, "aws_session_token")     ? &c->token
                                                                : NULL;
        if (!place)
                return;
        free(*place);
        *place = strdup(value);
}

/* Read [@profile] of the file that all AWS tools share. Source: AWS SDKs reference, "Shared config and credentials files" */
static void from_file(struct credentials *c, const char *profile)
{
        char line[LINE];
        const char *path = environment("AWS_SHARED_CREDENTIALS_FILE"), *home = environment("HOME");
        if (!path) {
                snprintf(line, sizeof line, "%s/.aws/credentials", home ? home : "");
                path = line;
        }
        FILE *file = fopen(path, "re");
        bool ours = false;
        while (file && fgets(line, sizeof line, file)) {
                char *text = trimmed(line), *end = strchr(text, ']');
                if (*text == '[' && end) {
                        *end = '\0';
                        ours = !strcmp(trimmed(text + 1), profile);
                } else if (ours && *text != '#' && *text != ';') {
                        take_line(c, text);
                }
        }
        if (file)
                fclose(file);
}

static void from_environment(struct credentials *c)
{
        const char *key = environment("AWS_ACCESS_KEY_ID"), *secret = environment("AWS_SECRET_ACCESS_KEY");
        const char *token = environment("AWS_SESSION_TOKEN");
        if (!key || !secret)
                return;
        c->key = strdup(key);
        c->secret = strdup(secret);
        c->token = token ? strdup(token) : NULL;
}

static void find_credentials(struct credentials *c, const struct broker_url *url, const char *profile)
{
        if (url->has_password) {
                c->key = strdup(url->user);
                c->secret = strdup(url->password);
        }
        if (!c->key && !profile)
                from_environment(c);
        if (!c->key) {
                profile = profile ? profile : environment("AWS_PROFILE");
                from_file(c, profile ? profile : "default");
        }
}

static int use_credentials(struct sqs_account *a, const struct credentials *c)
{
        if (asprintf(&a->sign, "%s:sqs", a->region) < 0 || asprintf(&a->key_secret, "%s:%s", c->key, c->secret) < 0 ||
            (c->token && asprintf(&a->token_header, "X-Amz-Security-Token: %s", c->token) < 0))
                return aeon_fail(-ENOMEM, "no memory for credentials");
        return 0;
}

static int read_credentials(struct sqs_account *a, bool amazon)
{
        struct credentials c = { 0 };
        int r = 0;
        find_credentials(&c, a->url, aeon__option_text(a->url->options, "profile", NULL));
        if (c.key && c.secret)
                r = use_credentials(a, &c);
        else if (amazon || c.key)
                r = aeon_fail(-EACCES, "there are no AWS credentials: neither in the URL nor in AWS_ACCESS_KEY_ID and "
                                       "AWS_SECRET_ACCESS_KEY nor in ~/.aws/credentials");
        credentials_done(&c);
        return r;
}

/* ------------------------------------------------------------------ where */

static const char *region_of(const struct broker_url *url, bool amazon)
{
        const char *region = aeon__option_text(url->options, "region", NULL);
        if (!region && amazon && strcmp(url->hosts[0].name, "localhost") != 0)
                region = url->hosts[0].name;
        if (!region)
                region = environment("AWS_REGION");
        if (!region)
                region = environment("AWS_DEFAULT_REGION");
        return region || amazon ? region : "us-east-1";
}

static int read_endpoint(struct sqs_account *a, bool amazon)
{
        const struct broker_url *url = a->url;
        const struct broker_host *host = &url->hosts[0];
        const char *given = aeon__option_text(url->options, "endpoint", NULL);
        int r;
        if (given && strncmp(given, "http://", 7) != 0 && strncmp(given, "https://", 8) != 0)
                return aeon_fail(-EINVAL, "option endpoint: \"%s\" is not of the form https://host", given);
        if (given)
                r = asprintf(&a->endpoint, "%.*s", (int)(strlen(given) - (given[strlen(given) - 1] == '/')), given);
        else if (amazon)
                r = asprintf(&a->endpoint, "https://sqs.%s.amazonaws.com%s", a->region, strncmp(a->region, "cn-", 3) ? "" : ".cn");
        else
                r = asprintf(&a->endpoint, strchr(host->name, ':') ? "%s://[%s]:%d" : "%s://%s:%d", url->scheme + strlen("sqs+"),
                             host->name, host->port);
        if (r < 0)
                a->endpoint = NULL;
        return r < 0 ? aeon_fail(-ENOMEM, "no memory for an endpoint") : 0;
}

static int read_place(struct sqs_account *a, bool amazon)
{
        const char *region = region_of(a->url, amazon);
        if (!region)
                return aeon_fail(-EINVAL, "there is no region: write sqs://eu-west-1, or set AWS_REGION");
        if (region[strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-")])
                return aeon_fail(-EINVAL, "\"%s\" is not a region", region);
        if (a->url->hosts_count > 1)
                return aeon_fail(-EINVAL, "there is one server, not %zu", a->url->hosts_count);
        a->owner = a->url->path;
        if (a->owner[strspn(a->owner, "0123456789")])
                return aeon_fail(-EINVAL, "\"%s\" is not the number of an account", a->owner);
        a->region = strdup(region);
        return a->region ? read_endpoint(a, amazon) : aeon_fail(-ENOMEM, "no memory for a region");
}

static void read_rest(struct sqs_account *a)
{
        struct options *o = a->url->options;
        a->ca = aeon__option_text(o, "tls_ca", NULL);
        a->certificate = aeon__option_text(o, "tls_cert", NULL);
        a->key = aeon__option_text(o, "tls_key", NULL);
        a->insecure = !aeon__option_flag(o, "tls_verify", true);
        a->connect_timeout = aeon__option_duration(o, "connect_timeout", AEON_SECONDS(5));
        a->pause_least = aeon__option_duration(o, "reconnect", AEON_MILLISECONDS(100));
        a->pause_most = aeon__option_duration(o, "reconnect_max", AEON_SECONDS(30));
        a->request_timeout = aeon__option_duration(o, "request_timeout", AEON_SECONDS(10));
        a->linger = aeon__option_duration(o, "linger", AEON_SECONDS(4));
        a->max_message = aeon__option_number(o, "max_message", 1024, NEW_LIMIT, OLD_LIMIT);
        a->create = aeon__option_flag(o, "create", true);
}

int aeon__sqs_account_read(const char *url, struct sqs_account *ret_account)
{
        bool amazon = !strncmp(url, "sqs://", strlen("sqs://"));
        struct sqs_account a = { 0 };
        int r = aeon__broker_url_read(url, strncmp(url, "sqs+https", strlen("sqs+https")) ? 80 : 443, &a.url);
        if (r >= 0)
                r = read_place(&a, amazon);
        if (r >= 0)
                read_rest(&a);
        if (r >= 0)
                r = read_credentials(&a, amazon);
        int wrong = a.url ? aeon__options_end(a.url->options, "URL") : 0;
        if (wrong < 0 && (r >= 0 || r == -EACCES))
                r = wrong;
        if (r < 0) {
                aeon__sqs_account_done(&a);
                return r;
        }
        *ret_account = a;
        return 0;
}

void aeon__sqs_account_done(struct sqs_account *a)
{
        aeon__broker_url_free(a->url);
        free(a->endpoint);
        free(a->region);
        free(a->sign);
        free(a->key_secret);
        free(a->token_header);
        *a = (struct sqs_account){ 0 };
}
