/*
 * uri: prints what lws_parse_uri() makes of addresses, and what lws_http_basic_auth_gen() makes of names and passwords.
 * "uri more": of those that lws gets wrong.
 */

#include <stdio.h>
#include <string.h>

#include <libwebsockets.h>

static const char *const addresses[] = {
	"http://example.com/", "http://example.com", "https://example.com", "ws://example.com/chat",
	"wss://example.com/chat?room=1", "http://example.com:8080/path/to/file.html",
	"https://example.com:8443", "https://example.com:8443/", "https://example.com:8443/?q=1",
	"http://example.com?query", "http://example.com/?query", "http://example.com:80?query", "http://example.com#part",
	"http://example.com/#part", "http://example.com//double", "http://example.com///", "ftp://example.com/file",
	"ftp://example.com:21/file", "mqtt://broker:1883", "raw://example.com", "HTTP://EXAMPLE.COM/UP", "Https://x/",
	"example.com", "example.com/path", "example.com:8080", "example.com:8080/path", "localhost:7681/x?y=z", "/only/a/path",
	"/", "", ":", ":80", ":80/x", "://", "://host/path", "http://", "http:///path", "http://:8080/path", "http://:/path",
	"http://host:", "http://host:/", "http://host:/path", "http://host:port/path", "http://host: 80/path",
	"http://host:-1/path", "http://host:+8/path", "http://host:0/path", "http://host:65536/path", "http://host:80abc/path",
	"http://host:80:81/path", "http://[::1]/", "http://[::1]:8080/path", "https://[2001:db8::1]", "ws://[::1]:7681",
	"http://[::1", "http://[::1]x/path", "http://[]/", "http://[fe80::1%25eth0]:80/", "[::1]:80/path", "[::1]",
	"http://user:pw@example.com/path", "http://user@example.com:8080/path",
	"http://+/var/run/socket:/path", "http://+/var/run/socket", "http://+@abstract:/path", "ws://+/tmp/sock:80/chat",
	"+/var/run/socket:/path", "+sock", "https://+/a/b:443", "http://host/path://other/x", "a/b://c/d", "http:/one/slash",
	"http//host/path", "http:host/path", "://", "a://", "a://b", "https://h/%2f%00?x=%20", "https://h/a b",
	"wss://h:443/socket.io/?EIO=4&transport=websocket", "https://xn--bcher-kva.example/", "https://h.:1/.", "http://1.2.3.4:5/6",
};

static void parse(const char *address)
{
	const char *prot = "(unset)", *ads = "(unset)", *path = "(unset)";
	char buf[256];
	int port = -7, r;

	lws_strncpy(buf, address, sizeof(buf));
	r = lws_parse_uri(buf, &prot, &ads, &port, &path);
	printf("%s\n\t%d <%s> <%s> %d <%s>", address, r, prot, ads, port, path);
	if (path >= buf && path < buf + sizeof(buf))
		printf(" +%d", (int)(path - buf));
	printf("\n");
}

static void credentials(const char *user, const char *pw, size_t len)
{
	char buf[256];
	int r;

	memset(buf, '#', sizeof(buf));
	r = lws_http_basic_auth_gen(user, pw, buf, len);
	buf[sizeof(buf) - 1] = '\0';
	printf("%s:%s in %u: %d", user, pw, (unsigned int)len, r);
	if (!r)
		printf(" <%s>", buf);
	printf(", %s\n", buf[len] == '#' ? "held" : "ran over");
}

/* where lws says 0 to half an answer, and refuses what is longer than its buffer */
static void more_credentials(void)
{
	char pw[1001], buf[2048];
	int r;

	credentials("exactly-as-much-room", "as-is-needed-for-it", 60);
	memset(pw, 'p', sizeof(pw));
	pw[sizeof(pw) - 1] = '\0';
	r = lws_http_basic_auth_gen("u", pw, buf, sizeof(buf));
	printf("long: %d, %d\n", r, r ? 0 : (int)strlen(buf));
}

int main(int argc, const char **argv)
{
	size_t n;

	if (argc > 1 && !strcmp(argv[1], "more")) {
		more_credentials();
		return 0;
	}

	for (n = 0; n < LWS_ARRAY_SIZE(addresses); n++)
		parse(addresses[n]);

	credentials("Aladdin", "open sesame", 128);
	credentials("", "", 128);
	credentials("user", "", 128);
	credentials("", "pw", 128);
	credentials("a", "b", 128);
	credentials("a", "b", 11);
	credentials("a", "b", 10);
	credentials("a", "b", 0);
	credentials("user", "pw:with:colons", 35);
	credentials("\xc3\xbcser", "\xe2\x82\xac", 128);
	credentials("exactly-as-much-room", "as-is-needed-for-it!", 63);

	return 0;
}
