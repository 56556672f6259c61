/* Looks options up in command lines; opens files. */
#define _GNU_SOURCE
#include <libwebsockets.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(a) (int)(sizeof(a) / sizeof(*(a)))

static void
look(const char *what, int argc, const char **argv, const char *option)
{
	const char *found = lws_cmdline_option(argc, argv, option);

	printf("%s '%s' -> %s%s\n", what, option, found ? "= " : "NULL", found ? found : "");
}

static void
options(void)
{
	static const char *args[] = { "p",     "-s",  "-d15", "-d",	   "7", "--port=99",
				      "--foo", "-x", "-ab",  "--portal=1", "-e" };
	static const char *repeated[] = { "p", "-s", "-s", "-s" };
	static const char *equals[] = { "p", "-s=5", "-t", "=5", "-u=", "--v=" };
	static const char *empty[] = { "p", "-x", "" };
	static const char *const wanted[] = { "-s",   "-d",	   "--port", "--foo", "-x",	"-a", "-ab",
					      "-b",   "-e",	   "--portal", "-z",  "p",	"7",  "--po",
					      "--port=", "",	   "-d1",    "-",     "--" };
	static char big[1200];
	static const char *large[] = { "p", "-a", big };
	int n;

	for (n = 0; n < COUNT(wanted); n++)
		look("args", COUNT(args), args, wanted[n]);
	look("fewer", 3, args, "-x");
	look("none", 0, args, "-s");
	look("name only", 1, args, "p");
	look("negative", -1, args, "-s");
	look("repeated", 4, repeated, "-s");
	look("repeated", 3, repeated, "-s");
	look("equals", COUNT(equals), equals, "-s");
	look("equals", COUNT(equals), equals, "-t");
	look("equals", COUNT(equals), equals, "-u");
	look("equals", COUNT(equals), equals, "--v");
	look("empty", COUNT(empty), empty, "-x");
	memset(big, 'x', 1024);
	printf("1024: %d\n", !!lws_cmdline_option(COUNT(large), large, "-a"));
	big[1024] = 'x';
	printf("1025: %d\n", !!lws_cmdline_option(COUNT(large), large, "-a"));
}

static void
builtin(void)
{
	static const char *const lines[][2] = {
		{ "-d15", NULL },    { "-d", NULL },   { "-d", "1151" }, { "-d0x3", NULL }, { "-d-1", NULL },
		{ "-dabc", NULL },   { "-d=4", NULL }, { "--other", "x" },
	};
	static const char *ignore[] = { "p", "--ignore-sigterm" };
	struct lws_context_creation_info info, before;
	const char *args[] = { "p", NULL, NULL };
	struct sigaction action;
	int n, bit;

	memset(&info, 0, sizeof(info));
	before = info;
	for (n = 0; n < COUNT(lines); n++) {
		args[1] = lines[n][0];
		args[2] = lines[n][1];
		lws_cmdline_option_handle_builtin(args[2] ? 3 : 2, args, &info);
		printf("%s %s:", args[1], args[2] ? args[2] : "");
		for (bit = 0; bit < LLL_COUNT; bit++)
			printf(" %d", lwsl_visible(1 << bit));
		printf(" info %s\n", memcmp(&info, &before, sizeof(info)) ? "changed" : "as it was");
	}

	lws_cmdline_option_handle_builtin(2, ignore, &info);
	if (sigaction(SIGTERM, NULL, &action))
		return;
	printf("handler %d\n", action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
	raise(SIGTERM);
	puts("survived");
}

static void
opening(const char *path)
{
	int fd = lws_open(path, O_CREAT | O_RDWR | O_TRUNC, 0640);

	printf("created %d, close on exec %d, access %o\n", fd >= 0, fcntl(fd, F_GETFD) == FD_CLOEXEC,
	       (unsigned int)fcntl(fd, F_GETFL) & O_ACCMODE);
	close(fd);
	fd = lws_open(path, O_RDONLY);
	printf("opened %d, close on exec %d, access %o\n", fd >= 0, fcntl(fd, F_GETFD) == FD_CLOEXEC,
	       (unsigned int)fcntl(fd, F_GETFL) & O_ACCMODE);
	close(fd);
	printf("missing %d\n", lws_open("/no/such/file", O_RDONLY));
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		return 1;

	options();
	builtin();
	opening(argv[1]);

	return 0;
}
