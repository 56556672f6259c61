/*
 * Calls everything with NULL, with no room and with too little: nothing may crash or be written beyond its
 * room. libwebsockets does some of both, so this is about our library alone.
 */
#define _GNU_SOURCE
#include <libwebsockets.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int failures;

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			printf("line %d: %s\n", __LINE__, #condition); \
			failures++; \
		} \
	} while (0)

static char buf[64];

static char *
fresh(void)
{
	memset(buf, '@', sizeof(buf));
	return buf;
}

/* Nothing was written from here on. */
static int
intact(size_t from)
{
	for (; from < sizeof(buf); from++)
		if (buf[from] != '@')
			return 0;
	return 1;
}

static char lines[4096];

static void
collect(int level, const char *line)
{
	(void)level;
	strncat(lines, line, sizeof(lines) - strlen(lines) - 1);
}

static void
text(void)
{
	const char *found = "untouched";
	const struct lws_protocol_vhost_options option = { NULL, NULL, "name", "value" };
	uint8_t byte = 7;
	int used;

	CHECK(lws_snprintf(NULL, 10, "%d", 1) == 0);
	CHECK(lws_snprintf(fresh(), 0, "%d", 1) == 0 && intact(0));

	CHECK(!lws_strncpy(NULL, "x", 5));
	CHECK(lws_strncpy(fresh(), "x", 0) == buf && intact(0));
	CHECK(lws_strncpy(fresh(), NULL, 5) == buf && !buf[0] && intact(5));

	CHECK(!lws_nstrstr(NULL, 3, "x", 1));
	CHECK(!lws_nstrstr("x", 1, NULL, 1));
	CHECK(lws_strcmp_wildcard(NULL, 0, "x", 1));
	CHECK(lws_strcmp_wildcard("x", 1, NULL, 0));
	CHECK(!lws_strcmp_wildcard("", 0, "", 0));
	CHECK(!lws_strcmp_wildcard("*.jpg", 5, "a.jpg.jpg", 9));
	CHECK(!lws_strcmp_wildcard("a*b*", 4, "ab", 2));

	CHECK(!lws_urlencode(NULL, "x", 5));
	CHECK(lws_urlencode(fresh(), NULL, 5) == buf && !buf[0]);
	CHECK(lws_urlencode(fresh(), "x", 0) == buf && intact(0));
	CHECK(lws_urlencode(fresh(), "x", -1) == buf && intact(0));
	CHECK(!strcmp(lws_urlencode(fresh(), "a%b c", 8), "a%25b+c") && intact(8));
	CHECK(!strcmp(lws_urlencode(buf, "a%b c", 7), "a%25b+"));
	CHECK(!strcmp(lws_urlencode(buf, "a%b c", 5), "a%25"));
	CHECK(!strcmp(lws_urlencode(buf, "a%b c", 4), "a"));
	CHECK(!strcmp(lws_urlencode(buf, "a%b c", 1), ""));
	CHECK(lws_urldecode(NULL, "x", 5) == -1);
	CHECK(lws_urldecode(fresh(), NULL, 5) == -1 && intact(0));
	CHECK(lws_urldecode(fresh(), "x", -1) == -1 && intact(0));
	CHECK(lws_urldecode(fresh(), "abc", 2) == 0 && !strcmp(buf, "ab") && intact(3));
	CHECK(lws_urldecode(fresh(), "ab%zz", 20) == -1 && !strcmp(buf, "ab") && intact(3));

	CHECK(!lws_sql_purify(NULL, "x", 5));
	CHECK(lws_sql_purify(fresh(), NULL, 5) == buf && !buf[0]);
	CHECK(lws_sql_purify(fresh(), "x", 0) == buf && intact(0));
	CHECK(!strcmp(lws_sql_purify(fresh(), "a'b'", 7), "a''b''") && intact(7));
	CHECK(!strcmp(lws_sql_purify(buf, "a'b'", 6), "a''b"));
	CHECK(!strcmp(lws_sql_purify(buf, "a'b'", 1), ""));
	CHECK(!lws_json_purify(NULL, "x", 5, NULL));
	CHECK(lws_json_purify(fresh(), "x", 0, &used) == buf && intact(0) && !used);
	CHECK(lws_json_purify(fresh(), "\n\n\n\n\n\n\n\n\n\n", 12, &used) == buf && intact(12) && used == 5);
	CHECK(lws_json_purify(fresh(), "\\\x01", 9, &used) == buf && intact(9) && used == 2);
	CHECK(!strcmp(buf, "\\\\\\u0001") && lws_json_purify_len("\\\x01") == 8);
	CHECK(lws_json_purify(buf, "\\\x01", 8, &used) == buf && !strcmp(buf, "\\\\") && used == 1);
	CHECK(lws_json_purify_len(NULL) == 0);
	lws_filename_purify_inplace(NULL);

	CHECK(lws_hex_to_byte_array(NULL, &byte, 1) == -1);
	CHECK(lws_hex_to_byte_array("00", NULL, 1) == -1);
	CHECK(lws_hex_to_byte_array("0a1b", (uint8_t *)fresh(), 2) == 2 && buf[1] == 0x1b && intact(2));
	CHECK(lws_hex_to_byte_array("0a1b", (uint8_t *)fresh(), 1) == -1 && intact(1));
	CHECK(lws_hex_to_byte_array("00", &byte, -1) == -1 && byte == 7);
	lws_hex_from_byte_array(&byte, 1, NULL, 5);
	fresh();
	lws_hex_from_byte_array(&byte, 1, buf, 0);
	CHECK(intact(0));
	lws_hex_from_byte_array(NULL, 1, buf, 5);
	CHECK(!buf[0] && intact(1));

	CHECK(lws_timingsafe_bcmp(NULL, "x", 1));
	CHECK(lws_timingsafe_bcmp("x", NULL, 1));
	CHECK(!lws_timingsafe_bcmp(NULL, NULL, 0));
	lws_explicit_bzero(NULL, 5);

	CHECK(lws_b64_encode_string(NULL, 1, fresh(), 20) == -1 && intact(0));
	CHECK(lws_b64_encode_string("a", -1, fresh(), 20) == -1 && intact(0));
	CHECK(lws_b64_encode_string("a", 1, NULL, 20) == -1);
	CHECK(lws_b64_encode_string("a", 1, fresh(), -1) == -1 && intact(0));
	CHECK(lws_b64_encode_string("a", 1, fresh(), 4) == -1 && intact(0));
	CHECK(lws_b64_encode_string("a", 1, fresh(), 5) == 4 && intact(5));
	CHECK(lws_b64_decode_string(NULL, fresh(), 20) == -1 && intact(0));
	CHECK(lws_b64_decode_string("YWJj", NULL, 20) == -1);
	CHECK(lws_b64_decode_string("YWJj", fresh(), 0) == -1 && intact(0));
	CHECK(lws_b64_decode_string("YWJj", fresh(), 2) == -1 && intact(0));
	CHECK(lws_b64_decode_string("YWJj", fresh(), 3) == 3 && intact(3));
	CHECK(lws_b64_decode_string("YWJj", fresh(), 4) == 3 && !buf[3] && intact(4));
	CHECK(lws_b64_decode_string_len("YWJj", 2, fresh(), 20) == 1 && intact(2));

	CHECK(lws_humanize(NULL, 5, 1, humanize_schema_si) == 0);
	CHECK(lws_humanize(fresh(), 0, 1, humanize_schema_si) == 0 && intact(0));
	CHECK(lws_humanize(fresh(), 5, 1, NULL) == 0 && !buf[0]);
	CHECK(lws_humanize(fresh(), 4, 1536, humanize_schema_si) == 4 && !strcmp(buf, "1.5") && intact(4));
	CHECK(lws_humanize(fresh(), 20, ~(uint64_t)0, humanize_schema_si) == 11);
	CHECK(!strncmp(buf, "16383.", 6) && !strcmp(buf + 9, "Pi"));
	{
		static const lws_humanize_unit_t thousands[] = { { "k", 1000 }, { NULL, 0 } };
		static const lws_humanize_unit_t dozens[] = { { "doz", 12 }, { "", 1 }, { NULL, 0 } };

		CHECK(lws_humanize(fresh(), 20, 5, thousands) == 0 && !buf[0]);
		CHECK(lws_humanize(fresh(), 20, 30, dozens) == 8 && !strcmp(buf, "2.500doz"));
	}
	lws_ser_wu16be(NULL, 1);
	lws_ser_wu32be(NULL, 1);
	lws_ser_wu64be(NULL, 1);
	CHECK(!lws_ser_ru16be(NULL) && !lws_ser_ru32be(NULL) && !lws_ser_ru64be(NULL));

	CHECK(!lws_pvo_search(&option, NULL));
	CHECK(lws_pvo_get_str((void *)&option, NULL, &found) == 1);
	CHECK(lws_pvo_get_str((void *)&option, "name", NULL) == 1);
	CHECK(!strcmp(found, "untouched"));
}

static void
addresses(void)
{
	lws_sockaddr46 v4, v6;
	struct sockaddr_in6 sa;
	uint8_t bytes[16];

	memset(&v4, 0, sizeof(v4));
	v6 = v4;
	CHECK(lws_parse_numeric_address(NULL, bytes, sizeof(bytes)) < 0);
	CHECK(lws_parse_numeric_address("::1", NULL, sizeof(bytes)) < 0);
	CHECK(lws_parse_numeric_address("1::2::3", bytes, sizeof(bytes)) < 0);
	CHECK(lws_parse_numeric_address("::FFFF:1.2.3.4", bytes, sizeof(bytes)) == 16);
	CHECK(lws_sa46_parse_numeric_address(NULL, &v4) == -1);
	CHECK(lws_sa46_parse_numeric_address("::1", NULL) == -1);
	CHECK(lws_sa46_parse_numeric_address("10.1.2.3", &v4) == 0);
	CHECK(lws_sa46_parse_numeric_address("::1", &v6) == 0);

	CHECK(lws_write_numeric_address(NULL, 4, fresh(), 20) == -1 && intact(0));
	CHECK(lws_write_numeric_address(bytes, 4, NULL, 20) == -1);
	CHECK(lws_write_numeric_address(bytes, 4, fresh(), 0) == -1 && intact(0));
	CHECK(lws_write_numeric_address(bytes, -1, fresh(), 20) == -1 && intact(0));
	CHECK(lws_sa46_write_numeric_address(NULL, fresh(), 20) == -1 && intact(0));
	CHECK(lws_sa46_write_numeric_address(&v4, NULL, 20) == -1);
	CHECK(lws_sa46_write_numeric_address(&v6, fresh(), 3) == -1 && intact(3));
	CHECK(lws_sa46_write_numeric_address(&v6, fresh(), 4) == 3 && !strcmp(buf, "::1") && intact(4));
	/* RFC 5952: the longest run of zeros is left out, a single zero is not */
	CHECK(lws_sa46_parse_numeric_address("1:0:2::", &v6) == 0);
	CHECK(lws_sa46_write_numeric_address(&v6, fresh(), 50) == 7 && !strcmp(buf, "1:0:2::"));

	CHECK(lws_sa46_compare_ads(NULL, &v4) && lws_sa46_compare_ads(&v4, NULL));
	CHECK(lws_sa46_on_net(NULL, &v4, 0) && lws_sa46_on_net(&v4, NULL, 0));
	CHECK(lws_sa46_on_net(&v4, &v4, -1) && lws_sa46_on_net(&v4, &v4, 33));
	CHECK(lws_sa46_parse_numeric_address("::1", &v6) == 0);
	/* an IPv4 network has no other IPv6 addresses, though its bits as IPv6 begin with zeros */
	CHECK(lws_sa46_on_net(&v6, &v4, 16));

	CHECK(lws_interface_to_sa(0, NULL, (struct sockaddr_in *)&sa, sizeof(sa)) == -1);
	CHECK(lws_interface_to_sa(0, "lo", NULL, sizeof(sa)) == -1);
	CHECK(lws_interface_to_sa(0, "lo", (struct sockaddr_in *)&sa, 8) == -2);
	memset(&sa, 0, sizeof(sa));
	sa.sin6_port = htons(4711);
	CHECK(lws_interface_to_sa(1, "::1", (struct sockaddr_in *)&sa, 16) == -2 && !sa.sin6_family);
	CHECK(lws_interface_to_sa(1, "::1", (struct sockaddr_in *)&sa, sizeof(sa)) == 0);
	CHECK(sa.sin6_family == AF_INET6 && sa.sin6_port == htons(4711));
	CHECK(lws_interface_to_sa(1, "lo", (struct sockaddr_in *)&sa, sizeof(sa)) == 0);
	CHECK(sa.sin6_family == AF_INET6 && sa.sin6_port == htons(4711));
}

static int
never(struct lws_dll2 *d, void *user)
{
	(void)d;
	(void)user;
	return 1;
}

static void
lists(void)
{
	lws_dll2_owner_t owner;
	lws_dll2_t node;

	memset(&owner, 0, sizeof(owner));
	memset(&node, 0, sizeof(node));
	CHECK(lws_dll2_is_detached(NULL));
	lws_dll2_remove(NULL);
	lws_dll2_clear(NULL);
	lws_dll2_owner_clear(NULL);
	CHECK(lws_dll2_foreach_safe(NULL, NULL, never) == 0);
	CHECK(lws_dll2_foreach_safe(&owner, NULL, NULL) == 0);
	CHECK(!_lws_dll2_search_sz_pl(NULL, "x", 1, 0, 0));
	CHECK(!_lws_dll2_search_sz_pl(&owner, NULL, 1, 0, 0));
	lws_list_ptr_insert(NULL, NULL, NULL);

	/* misuse is refused, and says so */
	lines[0] = '\0';
	lws_dll2_add_head(NULL, &owner);
	lws_dll2_add_tail(&node, NULL);
	lws_dll2_add_before(&node, NULL);
	lws_dll2_add_before(&node, &node);
	lws_dll2_add_sorted(&node, &owner, NULL);
	lws_dll2_add_sorted_priv(&node, &owner, NULL, NULL);
	CHECK(!owner.count && lws_dll2_is_detached(&node));
	CHECK(strstr(lines, "E: lws_dll2_add_head: refused"));
	CHECK(strstr(lines, "E: lws_dll2_add_tail: refused"));
	CHECK(strstr(lines, "E: lws_dll2_add_before: refused"));
	CHECK(strstr(lines, "E: lws_dll2_add_sorted: refused"));
	CHECK(strstr(lines, "E: lws_dll2_add_sorted_priv: refused"));

	lws_dll2_add_head(&node, &owner);
	lines[0] = '\0';
	lws_dll2_add_tail(&node, &owner);
	CHECK(owner.count == 1 && owner.head == &node && !node.next);
	CHECK(strstr(lines, "E: lws_dll2_add_tail: refused"));
}

static void
command_lines(void)
{
	const char *args[] = { "p", NULL, "-a", NULL };
	const char *refused[] = { "p", "--fault-injection", "x" };

	CHECK(!lws_cmdline_option(3, NULL, "-a"));
	CHECK(!lws_cmdline_option(3, args, NULL));
	CHECK(!lws_cmdline_option(4, args, "-a"));
	CHECK(lws_cmdline_option(3, args, "-a"));
	lws_cmdline_option_handle_builtin(0, NULL, NULL);
	lines[0] = '\0';
	lws_cmdline_option_handle_builtin(3, refused, NULL);
	CHECK(strstr(lines, "E: command line: --fault-injection: "));

	errno = 0;
	CHECK(lws_open(NULL, O_RDONLY) == -1 && errno == EFAULT);
#if defined(O_TMPFILE)
	{
		int fd = lws_open(".", O_TMPFILE | O_RDWR, 0600);

		/* not every file system has them, but they must have been asked for properly */
		CHECK(fd >= 0 || errno == EOPNOTSUPP);
		if (fd >= 0)
			close(fd);
	}
#endif
}

static void
beyond(struct lws_log_cx *cx, void *obj, char **p, char *e)
{
	(void)cx;
	(void)obj;
	memset(*p, 'p', (size_t)(e - *p));
	*p = e + 1000;
}

static void
before(struct lws_log_cx *cx, void *obj, char **p, char *e)
{
	(void)cx;
	(void)obj;
	(void)e;
	*p -= 1000;
}

static void
logging(void)
{
	lws_log_cx_t cx;
	char stamp[8], *p = fresh();

	lws_log_prepend_context(NULL, NULL, NULL, NULL);
	lws_log_prepend_context(NULL, NULL, &p, buf + 2);
	CHECK(p == buf + 2 && !*p && intact(3));
	lws_log_prepend_context(NULL, NULL, &p, buf + 1);
	CHECK(p == buf + 2 && intact(3));

	lwsl_emit_stderr(LLL_ERR, NULL);
	lwsl_emit_stderr_notimestamp(LLL_ERR, NULL);
	lwsl_emit_syslog(LLL_ERR, NULL);
	CHECK(lwsl_timestamp(LLL_ERR, NULL, 10) == 0);
	stamp[0] = '@';
	CHECK(lwsl_timestamp(LLL_ERR, stamp, 0) == 0 && stamp[0] == '@');
	lws_log_emit_cx_file(NULL, LLL_ERR, "x", 1);
	lws_log_use_cx_file(NULL, 1);
	lwsl_refcount_cx(NULL, -1);

	lines[0] = '\0';
	lwsl_hexdump_level_cx(NULL, NULL, NULL, LLL_ERR, "x", 1);
	CHECK(strstr(lines, "E: 0000: 78 "));

	memset(&cx, 0, sizeof(cx));
	cx.lll_flags = LLL_ERR;
	cx.u.emit = collect;
	lines[0] = '\0';
	_lws_log_cx(&cx, beyond, NULL, LLL_ERR, "f", "text");
	CHECK(strlen(lines) == 254 && !strcmp(lines + 250, "...\n"));
	lines[0] = '\0';
	_lws_log_cx(&cx, before, NULL, LLL_ERR, "f", "text");
	CHECK(strstr(lines, "] E: f: text\n"));

	lines[0] = '\0';
	lwsl_refcount_cx(&cx, -1);
	CHECK(!cx.refcount && strstr(lines, "E: lwsl_refcount_cx: "));

	cx.lll_flags |= LLLF_LOG_CONTEXT_AWARE;
	cx.refcount_cb = lws_log_use_cx_file;
	cx.u.emit_cx = lws_log_emit_cx_file;
	lwsl_refcount_cx(&cx, 1);
	_lws_log_cx(&cx, NULL, NULL, LLL_ERR, "f", "no path");
	lwsl_refcount_cx(&cx, -1);
	_lws_log_cx(&cx, NULL, NULL, LLL_ERR, "f", "closed");

	/* a flag for an emitter that was not passed with it does not change how the one there is called */
	lines[0] = '\0';
	lws_set_log_level(LLL_ERR | LLLF_LOG_CONTEXT_AWARE, NULL);
	lwsl_err("still plain");
	CHECK(strstr(lines, "E: still plain\n"));
}

int
main(void)
{
	lws_set_log_level(LLL_ERR, collect);
	text();
	addresses();
	lists();
	command_lines();
	logging();
	lws_set_log_level(LLL_ERR, collect);
	puts(failures ? "failed" : "all held");

	return !!failures;
}
