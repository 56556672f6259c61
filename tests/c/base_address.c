/* Parses, writes and compares numeric addresses. */
#define _GNU_SOURCE
#include <libwebsockets.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (int)(sizeof(a) / sizeof(*(a)))

static lws_sockaddr46
sa46(const char *text)
{
	lws_sockaddr46 sa;

	memset(&sa, 0, sizeof(sa));
	if (lws_sa46_parse_numeric_address(text, &sa))
		printf("'%s' is no address\n", text);
	return sa;
}

static void
parsing(void)
{
	static const char *const texts[] = {
		"1.2.3.4", "0.0.0.0", "255.255.255.255", "256.1.1.1", "1.2.3", "1.2.3.4.5", "", "localhost",
		"1..2.3", "1.2.3.4:80", "1.2.3.4/24", " 1.2.3.4", "1.2.3.4 ", "::1", "::", "2001:db8::1",
		"::ffff:1.2.3.4", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "12345::", "::g", "[::1]", ":1", "1:",
		"fe80::1%eth0", "fe80::abcd:ef01:2345:6789",
	};
	char text[64];
	uint8_t bytes[16];
	lws_sockaddr46 sa;
	int n, i, len;

	for (n = 0; n < COUNT(texts); n++) {
		len = lws_parse_numeric_address(texts[n], bytes, sizeof(bytes));
		printf("'%s': %d", texts[n], len < 0 ? -1 : len);
		for (i = 0; i < len; i++)
			printf(" %02x", bytes[i]);
		memset(&sa, 0, sizeof(sa));
		sa.sa4.sin_port = htons(4711);
		printf(", %d", lws_sa46_parse_numeric_address(texts[n], &sa));
		printf(" family %d port %d", sa.sa4.sin_family, ntohs(sa.sa4.sin_port));
		if (len > 0) {
			printf(", %d", lws_write_numeric_address(bytes, len, text, sizeof(text)));
			printf(" '%s'", text);
			printf(", %d", lws_sa46_write_numeric_address(&sa, text, sizeof(text)));
			printf(" '%s'", text);
		}
		puts("");
	}
	printf("too large: %d %d, fits: %d\n", lws_parse_numeric_address("1.2.3.4", bytes, 3) < 0,
	       lws_parse_numeric_address("::1", bytes, 15) < 0,
	       lws_parse_numeric_address("1.2.3.4", bytes, 4));
}

static void
writing(void)
{
	static const uint8_t v4[] = { 10, 1, 2, 3 };
	static const uint8_t v6[] = { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1 };
	char text[64];
	lws_sockaddr46 sa;
	size_t size;
	int n;

	for (size = 1; size < 11; size++) {
		n = lws_write_numeric_address(v4, 4, text, size);
		printf("v4 in %zu: %d '%s'\n", size, n, text);
	}
	for (size = 1; size < 10; size++)
		printf("v6 in %zu: %d\n", size, lws_write_numeric_address(v6, 16, text, size));
	n = lws_write_numeric_address(v6, 16, text, 40);
	printf("v6 in 40: %d '%s'\n", n, text);
	printf("5 bytes: %d\n", lws_write_numeric_address(v6, 5, text, sizeof(text)));

	memset(&sa, 0, sizeof(sa));
	n = lws_sa46_write_numeric_address(&sa, text, sizeof(text));
	printf("no family: %d '%s'\n", n, text);
	sa.sa4.sin_family = AF_UNIX;
	n = lws_sa46_write_numeric_address(&sa, text, sizeof(text));
	printf("unix: %d '%s'\n", n, text);
	sa.sa4.sin_family = 77;
	n = lws_sa46_write_numeric_address(&sa, text, sizeof(text));
	printf("other: %d '%s'\n", n, text);
}

static void
comparing(void)
{
	static const char *const pairs[][2] = {
		{ "1.2.3.4", "1.2.3.4" }, { "1.2.3.4", "1.2.3.5" },	    { "::1", "::1" },
		{ "::1", "::2" },	  { "1.2.3.4", "::ffff:1.2.3.4" },
	};
	static const struct {
		const char *address, *net;
		int len;
	} nets[] = {
		{ "10.1.2.3", "10.1.0.0", 16 },	  { "10.1.2.3", "10.2.0.0", 16 },
		{ "10.1.2.3", "10.1.2.0", 24 },	  { "10.1.2.3", "10.1.2.2", 31 },
		{ "10.1.2.3", "10.1.2.1", 31 },	  { "10.1.2.3", "10.1.2.3", 32 },
		{ "10.1.2.3", "10.1.2.4", 32 },	  { "10.1.2.3", "10.1.2.4", 0 },
		{ "10.1.2.3", "10.15.0.0", 12 },  { "10.1.2.3", "10.16.0.0", 12 },
		{ "10.1.2.3", "10.0.0.0", 9 },	  { "10.129.2.3", "10.0.0.0", 9 },
		{ "2001:db8::1", "2001:db8::", 32 }, { "2001:db9::1", "2001:db8::", 32 },
		{ "2001:db9::1", "2001:db8::", 31 }, { "::1", "::1", 128 }, { "::1", "::2", 128 },
		{ "::ffff:10.1.2.3", "10.1.0.0", 16 },
	};
	lws_sockaddr46 a, b;
	int n;

	for (n = 0; n < COUNT(pairs); n++) {
		a = sa46(pairs[n][0]);
		b = sa46(pairs[n][1]);
		a.sa4.sin_port = htons(5);
		printf("%s and %s differ %d\n", pairs[n][0], pairs[n][1], !!lws_sa46_compare_ads(&a, &b));
	}
	memset(&a, 0, sizeof(a));
	b = a;
	printf("no families differ %d\n", !!lws_sa46_compare_ads(&a, &b));
	for (n = 0; n < COUNT(nets); n++) {
		a = sa46(nets[n].address);
		b = sa46(nets[n].net);
		printf("%s is on %s/%d: %d\n", nets[n].address, nets[n].net, nets[n].len,
		       !lws_sa46_on_net(&a, &b, nets[n].len));
	}
}

static void
interfaces(void)
{
	static const char *const names[] = { "lo", "127.0.0.1", "no-such-if", "10.9.8.7", "1.2.3.4.5", "" };
	struct sockaddr_in sa;
	char text[64];
	int n, result;

	for (n = 0; n < COUNT(names); n++) {
		memset(&sa, 0, sizeof(sa));
		result = lws_interface_to_sa(0, names[n], &sa, sizeof(sa));
		printf("interface '%s': %d family %d %s\n", names[n], result, sa.sin_family,
		       inet_ntop(AF_INET, &sa.sin_addr, text, sizeof(text)));
	}
}

int
main(void)
{
	parsing();
	writing();
	comparing();
	interfaces();

	return 0;
}
