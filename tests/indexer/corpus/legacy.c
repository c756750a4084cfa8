/* Queues as they were written before prototypes, and with macros around. */
#include "legacy.h"

#define QUEUE_LIMIT 64

BEGIN_QUEUE_DECLS

int queue_length(queue, deep)
struct queue *queue; int deep;
{
  return 0;
}

static struct item **
queue_items(queue, compare)
    struct queue *queue;	/* which one */
    int (*compare)();
{
  return 0;
}

char ***queue_names(void) { return 0; }
void (*queue_handler(int signal, void (*handler)(int)))(int) { return handler; }
int (*queue_table(void))[3] { return 0; }
int (queue_size)(struct queue *queue) { return 0; }
void (*queue_hook)(int);

QUEUE_API queue_item queue_first (struct queue *queue, queue_item other) {
  return other;
}
QUEUE_API struct queue *(queue_new) (void) {
  return 0;
}
QUEUE_FUNC(int) queue_add(struct queue *queue UNUSED, int *not_null item);
DWORD CALLBACK queue_thread(void *argument) {
  if (argument) RETURN(1);
  return (int) MAX(1, 2);
}

void queue_log(const char *format, ...) FORMAT_LIKE(1, 2);
int queue_empty(struct queue *queue) HIDDEN;
static inline const char * FORMAT_ARGUMENT(3)
queue_text(char *out, int width) {
  return out;
}

DEFINE_QUEUE(jobs, 4);
QUEUE_TEST(adds_one)
{
  int value;
}

typedef int (*queue_order)(int, int), *queue_values, queue_pair[2];
struct PACKED queue { enum kind kind : 3; };

END_QUEUE_DECLS
