/* Builds lists in every way, and prints them. */
#include <libwebsockets.h>

#include <stdio.h>
#include <string.h>

struct item {
	int value;
	lws_dll2_t list;
	const char *name;
};

struct single {
	int value;
	struct single *next;
};

#define ITEMS 6

static struct item items[ITEMS];
static lws_dll2_owner_t owner;

static struct item *
of(const struct lws_dll2 *d)
{
	return lws_container_of(d, struct item, list);
}

static void
reset(void)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
	static const int values[] = { 3, 1, 3, 2, 3, 0 };
	int n;

	memset(items, 0, sizeof(items));
	memset(&owner, 0, sizeof(owner));
	for (n = 0; n < ITEMS; n++) {
		items[n].name = names[n];
		items[n].value = values[n];
	}
}

static void
show(const char *what)
{
	printf("%s: %u:", what, owner.count);
	lws_start_foreach_dll(struct lws_dll2 *, d, lws_dll2_get_head(&owner)) {
		printf(" %s", of(d)->name);
		if (lws_dll2_owner(d) != &owner)
			printf("(owner)");
		if (d->next ? d->next->prev != d : lws_dll2_get_tail(&owner) != d)
			printf("(link)");
	} lws_end_foreach_dll(d);
	puts("");
}

static int
compare(const lws_dll2_t *d, const lws_dll2_t *i)
{
	printf("[%s %s]", of(d)->name, of(i)->name);
	return of(d)->value - of(i)->value;
}

static int
compare3(void *priv, const lws_dll2_t *d, const lws_dll2_t *i)
{
	return *(int *)priv * compare(d, i);
}

static int
visit(struct lws_dll2 *d, void *user)
{
	printf("visit %s\n", of(d)->name);
	if (!user)
		lws_dll2_remove(d);
	return user && !strcmp(user, of(d)->name) ? 7 : 0;
}

static int
compare_single(lws_list_ptr a, lws_list_ptr b)
{
	struct single *sa = lws_list_ptr_container(a, struct single, next);
	struct single *sb = lws_list_ptr_container(b, struct single, next);

	printf("(%d %d)", sa->value, sb->value);
	return sa->value - sb->value;
}

static void
singly(lws_list_ptr_sort_func_t sort)
{
	static const int values[] = { 3, 1, 3, 2, 0 };
	struct single singles[5];
	lws_list_ptr head = NULL, at;
	int n;

	for (n = 0; n < 5; n++) {
		singles[n].value = values[n];
		lws_list_ptr_insert(&head, (lws_list_ptr *)&singles[n].next, sort);
	}
	for (at = head; at; lws_list_ptr_advance(at)) {
		struct single *s = lws_list_ptr_container(at, struct single, next);

		printf(" %d:%d", (int)(s - singles), s->value);
	}
	puts("");
}

int
main(void)
{
	struct item *found;
	int n, sign = -1;

	reset();
	lws_dll2_add_head(&items[0].list, &owner);
	lws_dll2_add_tail(&items[1].list, &owner);
	lws_dll2_add_head(&items[2].list, &owner);
	show("ends");
	lws_dll2_add_before(&items[3].list, &items[0].list);
	lws_dll2_add_before(&items[4].list, &items[2].list);
	show("before");
	printf("detached %d %d\n", lws_dll2_is_detached(&items[0].list),
	       lws_dll2_is_detached(&items[5].list));
	lws_dll2_remove(&items[0].list);
	lws_dll2_remove(&items[0].list);
	show("one removed twice");
	printf("zeroed %d\n", !items[0].list.prev && !items[0].list.next && !items[0].list.owner);
	lws_dll2_remove(&items[4].list);
	lws_dll2_remove(&items[1].list);
	show("ends removed");
	lws_dll2_owner_clear(&owner);
	show("cleared");
	printf("detached %d\n", lws_dll2_is_detached(&items[3].list));
	lws_dll2_clear(&items[3].list);
	printf("detached %d\n", lws_dll2_is_detached(&items[3].list));

	reset();
	for (n = 0; n < ITEMS; n++)
		lws_dll2_add_sorted(&items[n].list, &owner, compare);
	puts("");
	show("sorted");

	reset();
	for (n = 0; n < ITEMS; n++)
		lws_dll2_add_sorted_priv(&items[n].list, &owner, &sign, compare3);
	puts("");
	show("sorted descending");
	printf("stopped %d\n", lws_dll2_foreach_safe(&owner, "d", visit));
	printf("ended %d\n", lws_dll2_foreach_safe(&owner, NULL, visit));
	show("all removed");
	printf("none %d\n", lws_dll2_foreach_safe(&owner, NULL, visit));

	for (n = 0; n < ITEMS; n++)
		lws_dll2_add_tail(&items[n].list, &owner);
	items[3].name = "dog";
	for (n = 0; n < 5; n++) {
		found = lws_dll2_search_sz_pl(&owner, "dogs", (size_t)n, struct item, list, name);
		printf("search %d: %s\n", n, found ? found->name : "none");
	}

	singly(compare_single);
	singly(NULL);

	return 0;
}
