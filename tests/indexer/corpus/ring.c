/* A ring buffer. */
#include <stddef.h>
#include <stdint.h>

#define RING_SIZE 64
#define RING_EMPTY
#define MIN(a, b) ((a) < (b) ? (a) : (b))

#ifdef __cplusplus
extern "C" {
#endif

struct ring;
typedef uint32_t ring_index;
typedef int (*ring_visit)(void *item, void *context);

enum ring_state { RING_OPEN, RING_CLOSED = 4 };

struct ring {
    void *items[RING_SIZE];
    ring_index head, tail;
    struct {
        int reads;
    } stats;
    enum ring_state state;
};

typedef struct point {
    int x, y;
} point_t;

typedef struct {
    double re, im;
} complex_t;

typedef enum { RED, GREEN } color_t;

union value {
    int64_t number;
    char *text;
};

static const int retries = 3;
const char *const names[] = {"a", "b"};
static int counter;

int ring_push(struct ring *ring, void *item);
void *ring_pop(struct ring *ring);
static void (*on_full)(struct ring *);

static inline ring_index next_index(ring_index index)
{
    return (index + 1) % RING_SIZE;
}

int ring_push(struct ring *ring, void *item)
{
    ring_index next = next_index(ring->head);
    if (next == ring->tail)
        return -1;
    ring->items[ring->head] = item;
    ring->head = next;
    return 0;
}

void *
ring_pop(struct ring *ring)
{
    struct local {
        void *item;
    } found = {0};
    if (ring->head != ring->tail) {
        found.item = ring->items[ring->tail];
        ring->tail = next_index(ring->tail);
    }
    return found.item;
}

char **ring_names(void)
{
    return (char **)names;
}

#if RING_SIZE > 32
int old_style(a, b)
    int a;
    long b;
{
    return a + (int)b;
}
#endif

#ifdef __cplusplus
}
#endif
