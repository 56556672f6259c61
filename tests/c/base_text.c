/* Calls what the C API has for text, and prints what each call gave. */
#define _GNU_SOURCE
#include <libwebsockets.h>

#include <stdio.h>
#include <string.h>

#define COUNT(a) (int)(sizeof(a) / sizeof(*(a)))

static char buf[256];

static char *
fresh(void)
{
	memset(buf, '@', sizeof(buf));
	return buf;
}

/* The result, and the first bytes of the buffer: also what was not touched. */
static void
show(const char *what, long result)
{
	int n;

	printf("%s -> %ld '", what, result);
	for (n = 0; n < 48; n++) {
		unsigned char c = (unsigned char)buf[n];

		if (c < 32 || c > 126 || c == '\\')
			printf("\\%02x", c);
		else
			putchar(c);
	}
	puts("'");
}

static void
bounded(void)
{
	char what[64];
	size_t size;

	for (size = 0; size < 8; size++) {
		sprintf(what, "snprintf %zu", size);
		show(what, lws_snprintf(fresh(), size, "%s%d", "abcd", 5));
	}
	show("snprintf empty", lws_snprintf(fresh(), 5, "%s", ""));
	show("snprintf many", lws_snprintf(fresh(), sizeof(buf), "%d %ld %s %c %g %u %d %d %g %g", 1, 2L,
					   "three", '4', 5.5, 6u, 7, 8, 9.5, 10.25));
	for (size = 1; size < 8; size++) {
		sprintf(what, "strncpy %zu", size);
		show(what, lws_strncpy(fresh(), "abcde", size) - buf);
	}
	show("strncpy pads", lws_strncpy(fresh(), "abc", 10) - buf);
	show("strncpy empty", lws_strncpy(fresh(), "", 3) - buf);
	show("strnncpy", lws_strnncpy(fresh(), "abcdefgh", 3, 8) - buf);
	show("strnncpy", lws_strnncpy(fresh(), "abcdefgh", 7, 4) - buf);
}

static void
searching(void)
{
	static const struct {
		size_t len;
		const char *name;
		size_t nl;
	} in[] = {
		{ 11, "world", 5 }, { 10, "world", 5 },	      { 11, "", 0 }, { 0, "", 0 },  { 11, "h", 1 },
		{ 11, "d", 1 },	    { 11, "o", 1 },	      { 3, "hello", 5 }, { 11, "lo w", 4 },
		{ 11, "hello world", 11 }, { 0, "h", 1 },
	};
	static const char *const wild[][2] = {
		{ "a*", "abc" },      { "a*c", "abc" },	     { "*", "x" },	  { "*", "" },
		{ "", "x" },	      { "abc", "abc" },	     { "abc", "abd" },	  { "abc", "ab" },
		{ "ab", "abc" },      { "*b*", "abc" },	     { "a*b*c", "axxbyyc" }, { "a*b*c", "axxbyy" },
		{ "*c", "abc" },      { "*c", "abcd" },	     { "a**c", "abc" },	  { "**", "z" },
		{ "a*bc", "abbc" },   { "*ab", "aab" },	     { "*aab", "aaab" },  { "a*bd*e", "abcbde" },
		{ "x*", "abc" },      { "a*a", "a" },
	};
	const char *hay = "hello world", *found;
	int n;

	for (n = 0; n < COUNT(in); n++) {
		found = lws_nstrstr(hay, in[n].len, in[n].name, in[n].nl);
		printf("nstrstr %zu '%s' -> %d\n", in[n].len, in[n].name, found ? (int)(found - hay) : -1);
	}
	for (n = 0; n < COUNT(wild); n++)
		printf("wildcard '%s' '%s' -> %d\n", wild[n][0], wild[n][1],
		       lws_strcmp_wildcard(wild[n][0], strlen(wild[n][0]), wild[n][1],
					   strlen(wild[n][1])));
}

static void
url(void)
{
	static const char *const encoded[] = {
		"a%20b+c", "%",	 "%4", "%4x",	 "%zz", "%41%42", "abc%00d",
		"a+b%2b%2B", "", "%e4%F6", "a%c", "%a",
	};
	char what[64];
	int n;

	show("urlencode", lws_urlencode(fresh(), "a b/c?d=e&f%", 200) - buf);
	show("urlencode", lws_urlencode(fresh(), "~h-i_j.k*l(m)\x80\xff+\n", 200) - buf);
	printf("urlencode keeps");
	for (n = 1; n < 256; n++) {
		what[0] = (char)n;
		what[1] = '\0';
		lws_urlencode(fresh(), what, 20);
		if (!strcmp(buf, what))
			printf(" %c", n);
	}
	puts("");
	for (n = 0; n < COUNT(encoded); n++) {
		int result = lws_urldecode(fresh(), encoded[n], 100);

		/* what a refused input leaves behind is nobody's business */
		if (result)
			fresh();
		show(encoded[n], result);
	}
	for (n = 0; n < 8; n++) {
		sprintf(what, "urldecode %d", n);
		show(what, lws_urldecode(fresh(), "a%41bc+d", n));
	}
	strcpy(fresh(), "in%20place");
	show("urldecode in place", lws_urldecode(buf, buf, (int)strlen(buf)));
}

static void
purify(void)
{
	static const char *const names[] = { "..a/../b..c...d.", "....", ".", "", "a$b%c:d\\e f" };
	char what[64];
	int n, used;

	show("sql", lws_sql_purify(fresh(), "a'b''c\"", 20) - buf);
	show("sql empty", lws_sql_purify(fresh(), "", 20) - buf);
	show("json", lws_json_purify(fresh(), "a\"b\x01" "c/d", 40, &used) - buf);
	printf("used %d\n", used);
	show("json unused", lws_json_purify(fresh(), "x", 10, NULL) - buf);
	used = -1;
	show("json NULL", lws_json_purify(fresh(), NULL, 10, &used) - buf);
	printf("used %d\n", used);
	for (n = 1; n < 256; n++) {
		what[0] = (char)n;
		what[1] = '\0';
		lws_json_purify(fresh(), what, 20, &used);
		printf("json %d -> %s used %d", n, buf, used);
		/* lws counts an escaped backslash as 6 */
		printf(" len %d\n", n == '\\' ? 2 : lws_json_purify_len(what));
	}
	for (n = 0; n < COUNT(names); n++) {
		strcpy(fresh(), names[n]);
		lws_filename_purify_inplace(buf);
		show(names[n], 0);
	}
}

static void
hex(void)
{
	static const char *const in[] = { "", "0", "01", "0a1B", "abc", "zz", "0g", "012345", "0123456789" };
	char what[64];
	int n;

	for (n = 0; n < COUNT(in); n++)
		show(in[n], lws_hex_to_byte_array(in[n], (uint8_t *)fresh(), 4));
	show("hex 0", lws_hex_to_byte_array("01", (uint8_t *)fresh(), 0));
	for (n = 1; n < 10; n++) {
		sprintf(what, "to hex %d", n);
		fresh();
		lws_hex_from_byte_array((const uint8_t *)"\x01\xab\xff", 3, buf, (size_t)n);
		show(what, 0);
	}
	fresh();
	lws_hex_from_byte_array((const uint8_t *)"\x01", 0, buf, 5);
	show("to hex of nothing", 0);

	printf("bcmp %d %d %d\n", !!lws_timingsafe_bcmp("abc", "abc", 3),
	       !!lws_timingsafe_bcmp("abc", "abd", 3), !!lws_timingsafe_bcmp("abc", "xyz", 0));
	strcpy(fresh(), "secret");
	lws_explicit_bzero(buf, 4);
	show("bzero", 0);
}

static void
base64(void)
{
	static const char *const in[] = { "", "a", "ab", "abc", "abcd", "\xff\xfe\xfd\xfb" };
	static const char *const encoded[] = {
		"",	    "YQ==",  "YWI=",  "YWJj",	  "YWJjZA==", "YQ",    "YWI",  "Y",
		"YWJjZA",   "//79+w==", "__79-w==", "__79-w", "YW Jj",    "YW\nJj", "Y*Jj", "YQ==YQ==",
		"YQ=",	    "=",     "====",  "YQ==x",	  "YR==",     "YWJ=",
	};
	char what[64];
	int n, size, result;

	for (n = 0; n < COUNT(in); n++)
		for (size = 0; size < 14; size++) {
			/* lws wants one byte more than it writes */
			if (size == ((int)strlen(in[n]) + 2) / 3 * 4 + 1)
				continue;
			sprintf(what, "encode %d into %d", n, size);
			result = lws_b64_encode_string(in[n], (int)strlen(in[n]), fresh(), size);
			if (result < 0)
				fresh();
			show(what, result);
		}
	show("encode url", lws_b64_encode_string_url("\xff\xfe\xfd\xfb", 4, fresh(), 20));
	for (n = 0; n < COUNT(encoded); n++)
		show(encoded[n], lws_b64_decode_string(encoded[n], fresh(), 50));
	for (n = 0; n < 9; n++) {
		sprintf(what, "decode %d characters", n);
		show(what, lws_b64_decode_string_len("YWJjZA==", n, fresh(), 50));
	}
	show("decode -1 characters", lws_b64_decode_string_len("YWJj", -1, fresh(), 50));
}

static void
numbers(void)
{
	static const uint64_t values[] = {
		0, 1, 9, 10, 99, 100, 999, 1000, 1001, 1023, 1024, 1025, 1536, 9999, 10239, 10240, 102400,
		999999, 1000000, 1048575, 1048576, 59999999, 60000000, 61000000, 3599999999u, 3600000000u,
		86400000000u, 123456789012345u, 1099511627776u, 1125899906842624u, 9007199254740992u,
	};
	static const lws_humanize_unit_t *const schemas[] = {
		humanize_schema_si, humanize_schema_si_bytes, humanize_schema_us,
	};
	const lws_humanize_unit_t *unit;
	uint8_t bytes[8];
	int n, s, result;

	for (s = 0; s < 3; s++) {
		for (unit = schemas[s]; unit->name; unit++)
			printf("'%s' %llu, ", unit->name, (unsigned long long)unit->factor);
		puts("");
		for (n = 0; n < COUNT(values); n++) {
			result = lws_humanize(fresh(), sizeof(buf), values[n], schemas[s]);
			printf("%llu: %d [%s]\n", (unsigned long long)values[n], result, buf);
		}
	}
	show("humanize", lws_humanize(fresh(), 8, 1536, humanize_schema_si));

	lws_ser_wu16be(bytes, 0x1234);
	printf("%02x %02x %x\n", bytes[0], bytes[1], lws_ser_ru16be(bytes));
	lws_ser_wu32be(bytes, 0x12345678);
	printf("%02x %02x %x\n", bytes[0], bytes[3], lws_ser_ru32be(bytes));
	lws_ser_wu64be(bytes, 0x123456789abcdef0u);
	printf("%02x %02x %llx\n", bytes[0], bytes[7], (unsigned long long)lws_ser_ru64be(bytes));
}

static void
options(void)
{
	static const struct lws_protocol_vhost_options
		third = { NULL, NULL, "k3", NULL }, second = { &third, NULL, "k2", "v2" },
		first = { &second, &third, "k1", "v1" };
	static const char *const names[] = { "k1", "k2", "k3", "k", "" };
	const char *value;
	int n, result;

	for (n = 0; n < COUNT(names); n++) {
		const struct lws_protocol_vhost_options *found = lws_pvo_search(&first, names[n]);

		value = "untouched";
		result = lws_pvo_get_str((void *)&first, names[n], &value);
		printf("option %s -> %s, %d %s\n", names[n], found ? found->name : "none", result,
		       value ? value : "NULL");
	}
	printf("of none: %d %d\n", !lws_pvo_search(NULL, "k1"), lws_pvo_get_str(NULL, "k1", &value));
}

int
main(void)
{
	printf("%s\n", lws_get_library_version());
	bounded();
	searching();
	url();
	purify();
	hex();
	base64();
	numbers();
	options();

	return 0;
}
