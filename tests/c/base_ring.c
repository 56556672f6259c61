/* Uses rings with one tail, with several, and byte by byte, and prints every answer. */
#include <libwebsockets.h>

#include <stdio.h>
#include <string.h>

struct message {
	int serial;
	char owned;
};

struct consumer {
	struct consumer *next;
	const char *name;
	uint32_t tail;
	int read;
};

static int destroyed;

static void
destroy(void *element)
{
	struct message *message = (struct message *)element;

	printf(" ~%d%s", message->serial, message->owned == 1 ? "" : "(again)");
	message->owned = 0;
	destroyed++;
}

/* The same numbers on every machine. */
static unsigned int
roll(unsigned int sides)
{
	static unsigned int state = 1;

	state = state * 1103515245u + 12345u;

	return (state >> 16) % sides;
}

static void
show(struct lws_ring *ring, uint32_t *tail)
{
	const unsigned char *element = (const unsigned char *)lws_ring_get_element(ring, tail);
	printf("; %u free, %u wait, oldest %u, next %d\n", (unsigned int)lws_ring_get_count_free_elements(ring),
	       (unsigned int)lws_ring_get_count_waiting_elements(ring, tail), lws_ring_get_oldest_tail(ring), element ? element[0] : -1);
}

/* A ring with elements of this size, with its own tail or with one kept outside. */
static void
single(size_t size, size_t count, int own_tail)
{
	struct lws_ring *ring = lws_ring_create(size, count, NULL);
	unsigned char in[12 * 16], out[12 * 16];
	uint32_t tail = 0, *ptail = own_tail ? &tail : NULL;
	unsigned char next = 0, expected = 0;
	int turn;

	printf("single %u x %u, %s tail: ", (unsigned int)count, (unsigned int)size, own_tail ? "own" : "inner");
	if (!ring) {
		puts("none");
		return;
	}
	show(ring, ptail);

	for (turn = 0; turn < 40; turn++) {
		size_t wanted = roll(9), done, n;

		if (roll(2)) {
			for (n = 0; n < wanted * size; n++)
				in[n] = (unsigned char)(next + n);
			done = lws_ring_insert(ring, in, wanted);
			next = (unsigned char)(next + done * size);
			printf("insert %u: %u", (unsigned int)wanted, (unsigned int)done);
		} else if (roll(3)) {
			memset(out, '?', sizeof(out));
			done = lws_ring_consume(ring, ptail, out, wanted);
			printf("consume %u: %u", (unsigned int)wanted, (unsigned int)done);
			for (n = 0; n < done * size; n++)
				if (out[n] != (unsigned char)(expected + n))
					printf(" wrong(%u)", (unsigned int)n);
			if (done * size < sizeof(out) && out[done * size] != '?')
				printf(" more");
			expected = (unsigned char)(expected + done * size);
		} else if (own_tail) {
			done = lws_ring_get_count_waiting_elements(ring, ptail);
			lws_ring_consume_single_tail(ring, ptail, wanted);
			done -= lws_ring_get_count_waiting_elements(ring, ptail);
			printf("consume and free %u: %u", (unsigned int)wanted, (unsigned int)done);
			expected = (unsigned char)(expected + done * size);
		} else {
			done = lws_ring_consume(ring, NULL, NULL, wanted);
			printf("skip %u: %u", (unsigned int)wanted, (unsigned int)done);
			expected = (unsigned char)(expected + done * size);
		}
		show(ring, ptail);
	}
	lws_ring_destroy(ring);
}

/* Several consumers; the slowest decides what is destroyed. */
static void
broadcast(void)
{
	static struct consumer consumers[3] = {
		{ NULL, "a", 0, 0 }, { NULL, "b", 0, 0 }, { NULL, "c", 0, 0 },
	};
	struct consumer *list = NULL, *late = &consumers[1];
	struct lws_ring *ring = lws_ring_create(sizeof(struct message), 8, destroy);
	int serial = 0, turn;
	unsigned int n;

	if (!ring) {
		puts("none");
		return;
	}
	for (n = 0; n < LWS_ARRAY_SIZE(consumers); n++) {
		struct consumer *who = &consumers[n];

		lws_ll_fwd_insert(who, next, list);
	}

	for (turn = 0; turn < 120; turn++) {
		struct consumer *who = &consumers[roll(3)];
		unsigned int count = roll(4);

		if (roll(3)) {
			const struct message *message = (const struct message *)lws_ring_get_element(ring, &who->tail);

			if (message && message->serial != who->read)
				printf("%s sees %d, not %d\n", who->name, message->serial, who->read);
			n = (unsigned int)lws_ring_get_count_waiting_elements(ring, &who->tail);
			printf("%s takes %u of %u:", who->name, count, n);
			lws_ring_consume_and_update_oldest_tail(ring, struct consumer, &who->tail, count, list, tail,
								next);
			who->read += (int)(n - lws_ring_get_count_waiting_elements(ring, &who->tail));
		} else {
			struct message message;

			memset(&message, 0, sizeof(message));
			message.serial = serial;
			message.owned = 1;
			n = (unsigned int)lws_ring_insert(ring, &message, 1);
			serial += (int)n;
			printf("insert: %u", n);
		}
		show(ring, &who->tail);
	}

	/* One that comes late starts where the oldest is; one goes away, and the others decide. */
	lws_ll_fwd_remove(struct consumer, next, late, list);
	late->tail = lws_ring_get_oldest_tail(ring);
	lws_ll_fwd_insert(late, next, list);
	show(ring, &late->tail);
	lws_ring_consume_and_update_oldest_tail(ring, struct consumer, &late->tail, 100, list, tail, next);
	show(ring, &late->tail);

	printf("destroy:");
	lws_ring_destroy(ring);
	printf("\n%d inserted, %d destroyed\n", serial, destroyed);
}

/* Written to where the ring says, in pieces that are no elements. */
static void
direct(size_t size, size_t count)
{
	struct lws_ring *ring = lws_ring_create(size, count, NULL);
	unsigned char out[64], next = 0, expected = 0;
	int turn;

	printf("direct %u x %u\n", (unsigned int)count, (unsigned int)size);
	for (turn = 0; ring && turn < 40; turn++) {
		void *start = NULL;
		size_t bytes = 0, n, some;

		if (roll(5) > 1) {
			n = (size_t)lws_ring_next_linear_insert_range(ring, &start, &bytes);
			printf("range: %u, %u bytes", (unsigned int)n, (unsigned int)bytes);
			some = bytes ? 1 + roll((unsigned int)bytes) : 0;
			for (n = 0; n < some; n++)
				((unsigned char *)start)[n] = next++;
			lws_ring_bump_head(ring, some);
			printf(", %u written; %u free, %u wait\n", (unsigned int)some,
			       (unsigned int)lws_ring_get_count_free_elements(ring),
			       (unsigned int)lws_ring_get_count_waiting_elements(ring, NULL));
		} else {
			some = lws_ring_consume(ring, NULL, out, 1 + roll(8));
			printf("%u read", (unsigned int)some);
			for (n = 0; n < some * size; n++)
				if (out[n] != expected++)
					printf(" wrong(%u)", (unsigned int)n);
			printf("; %u free, %u wait\n", (unsigned int)lws_ring_get_count_free_elements(ring),
			       (unsigned int)lws_ring_get_count_waiting_elements(ring, NULL));
		}
	}
	if (ring)
		lws_ring_destroy(ring);
}

/* A log line without its time, and without the ring's address. */
static void
emit(int level, const char *line)
{
	const char *text = strstr(line, "ring "), *after = text ? strchr(text, ':') : NULL;

	printf("%d: %s", level, after ? after : "?\n");
}

static void
dump(void)
{
	struct lws_ring *ring = lws_ring_create(8, 4, NULL);
	uint32_t tail = 0;

	lws_set_log_level(LLL_NOTICE, emit);
	lws_ring_dump(ring, NULL);
	printf("%u\n", (unsigned int)lws_ring_insert(ring, "eight...sixteen.", 2));
	lws_ring_dump(ring, NULL);
	printf("%u\n", (unsigned int)lws_ring_consume(ring, &tail, NULL, 1));
	lws_ring_dump(ring, &tail);
	lws_ring_update_oldest_tail(ring, tail);
	lws_ring_dump(ring, NULL);
	lws_ring_destroy(ring);
}

int
main(void)
{
	static const size_t sizes[] = { 1, 2, 4, 12 };
	unsigned int n;

	for (n = 0; n < LWS_ARRAY_SIZE(sizes); n++) {
		single(sizes[n], 5, 0);
		single(sizes[n], 16, 0);
		single(sizes[n], 7, 1);
	}
	single(4, 1, 0);
	broadcast();
	direct(1, 32);
	direct(4, 8);
	dump();

	return 0;
}
