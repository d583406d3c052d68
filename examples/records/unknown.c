/* examples/records/unknown.c - three records, three answers to a field that nobody declared; and what becomes of a secret. */
#include <aeon.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOGIN(F) F(str, user) F(secret, password, .min_len = 8)
AEON_RECORD(login, LOGIN); /* ignores it */
AEON_RECORD(strict_login, LOGIN, .unknown = AEON_UNKNOWN_REJECT);

#define PROXY(F) F(str, user) F(map(json), rest, .unknown = AEON_UNKNOWN_KEEP)
AEON_RECORD(proxy, PROXY);

int main(void)
{
        static const char json[] = "{\"user\": \"ada\", \"pasword\": \"correct horse\", \"since\": {\"year\": 1843}}";
        static const char with_secret[] = "{\"user\": \"ada\", \"password\": \"correct horse\"}";
        struct login *login;
        struct strict_login *strict;
        struct proxy *proxy;
        char *text;

        if (login_decode(json, strlen(json), &login) == 0) {
                printf("%s, password %s\n", login->user, login->password ? "given" : "not given");
                login_free(login);
        }
        if (strict_login_decode(json, strlen(json), &strict) < 0)
                puts(aeon_error_text());
        if (proxy_decode(json, strlen(json), &proxy) == 0) {
                printf("%s is %s\n", proxy->rest.keys[1], proxy->rest.values[1]);
                if (proxy_encode(proxy, &text) > 0) {
                        puts(text);
                        free(text);
                }
                proxy_free(proxy);
        }
        if (login_decode(with_secret, strlen(with_secret), &login) == 0) {
                printf("%zu characters\n", strlen(login->password));
                if (login_encode(login, &text) > 0) {
                        puts(text);
                        free(text);
                }
                login_free(login);
        }
        if (login_decode("{\"user\": \"ada\", \"password\": \"short\"}", 36, &login) < 0)
                puts(aeon_error_text());
        return 0;
}
