/* Proves the order of writes in a copy of a disk.
 *
 *   iowriter w FIRST SECOND [PAUSE_US]   writes for ever (ends on SIGTERM or SIGINT)
 *   iowriter c FIRST SECOND              judges what a copy holds: exit 0 in order, 1 not, 2 error
 *
 * The writer puts number n into FIRST and forces it to the disk, then puts n into SECOND and forces
 * that. So whatever instant a copy shows, the newest number in FIRST is that of SECOND or one more,
 * and no older number is missing. A copy that mixes two instants breaks this, although every file
 * system check passes. It also tells the guest's worst gap between two completed rounds: what a
 * program in the guest noticed of the snapshot.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { kBlock = 4096, kSlots = 1024, kWords = kBlock / 8, kRemarkableMs = 100 };

/* Every word depends on the number, so a block made of two writes is recognised as torn. */
struct block {
  uint64_t word[kWords];
};

struct finding {
  uint64_t newest;  /* highest number found, 0 for none */
  uint64_t torn;    /* blocks that are neither empty nor whole */
  uint64_t missing; /* numbers that should be there and are not */
};

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int signal_number) {
  (void)signal_number;
  stop_asked = 1;
}

static uint64_t scramble(uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  return value ^ (value >> 27);
}

static void compose(struct block *block, uint64_t number) {
  block->word[0] = number;
  for (int i = 1; i < kWords; ++i) block->word[i] = scramble(number * kWords + (uint64_t)i);
}

static int is_whole(const struct block *block, uint64_t slot) {
  struct block expected;
  compose(&expected, block->word[0]);
  return block->word[0] % kSlots == slot && memcmp(block, &expected, sizeof expected) == 0;
}

static int is_empty(const struct block *block) {
  static const struct block zeros;
  return memcmp(block, &zeros, sizeof zeros) == 0;
}

/* Answers -1 when the file cannot be read. */
static int survey(const char *path, struct finding *finding) {
  uint64_t numbers[kSlots] = {0};
  uint64_t torn_slot = kSlots;
  struct block block;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  memset(finding, 0, sizeof *finding);
  if (file < 0) return -1;
  for (uint64_t slot = 0; slot < kSlots; ++slot) {
    if (pread(file, &block, kBlock, (off_t)(slot * kBlock)) != kBlock) break;
    if (is_empty(&block)) continue;
    if (!is_whole(&block, slot)) {
      ++finding->torn;
      torn_slot = slot;
      continue;
    }
    numbers[slot] = block.word[0];
    if (block.word[0] > finding->newest) finding->newest = block.word[0];
  }
  close(file);
  /* The block that was being written at the instant may be half there; no other one may. */
  if (finding->torn == 1 && torn_slot == (finding->newest + 1) % kSlots) finding->torn = 0;
  for (uint64_t age = 0; age + 1 < kSlots && age < finding->newest; ++age) {
    uint64_t number = finding->newest - age;
    if (numbers[number % kSlots] != number) ++finding->missing;
  }
  return 0;
}

static int is_in_order(const struct finding *first, const struct finding *second) {
  return first->torn + first->missing + second->torn + second->missing == 0 &&
         (first->newest == second->newest || first->newest == second->newest + 1);
}

static int check(const char *first_path, const char *second_path) {
  struct finding first, second;
  if (survey(first_path, &first) != 0 || survey(second_path, &second) != 0) {
    fprintf(stderr, "iowriter: cannot read %s and %s: %s\n", first_path, second_path,
            strerror(errno));
    return 2;
  }
  int in_order = is_in_order(&first, &second);
  printf("first=%" PRIu64 " torn=%" PRIu64 " missing=%" PRIu64 " second=%" PRIu64
         " torn=%" PRIu64 " missing=%" PRIu64 " %s\n",
         first.newest, first.torn, first.missing, second.newest, second.torn, second.missing,
         in_order ? "IN-ORDER" : "OUT-OF-ORDER");
  return in_order ? 0 : 1;
}

enum ring { kGoOn, kBegin };

/* Opens a ring, allocated in full, so that later writes change no metadata. */
static int open_ring(const char *path, enum ring ring) {
  static const struct block zeros;
  struct stat status;
  int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0 || fstat(file, &status) != 0) return -1;
  for (off_t at = ring == kGoOn ? status.st_size : 0; at < (off_t)kSlots * kBlock; at += kBlock)
    if (pwrite(file, &zeros, kBlock, at) != kBlock) return -1;
  return fsync(file) == 0 ? file : -1;
}

static int put(int file, uint64_t number) {
  struct block block;
  compose(&block, number);
  off_t at = (off_t)(number % kSlots) * kBlock;
  return pwrite(file, &block, kBlock, at) == kBlock && fdatasync(file) == 0 ? 0 : -1;
}

static double monotonic_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* worst_ms: of the last second; worst_ever_ms: since the start. */
static void tell(uint64_t number, uint64_t rounds, double worst, double worst_ever) {
  printf("IOWRITER number=%" PRIu64 " rounds=%" PRIu64 " worst_ms=%.0f worst_ever_ms=%.0f\n",
         number, rounds, worst, worst_ever);
  fflush(stdout);
}

static int write_for_ever(const char *first_path, const char *second_path, useconds_t pause_us) {
  struct finding old_first, old_second;
  int goes_on = survey(first_path, &old_first) == 0 && survey(second_path, &old_second) == 0 &&
                is_in_order(&old_first, &old_second);
  /* Rings of different runs would look like a mixed copy for ever after. */
  if (!goes_on) printf("IOWRITER begins new rings\n");
  int first = open_ring(first_path, goes_on ? kGoOn : kBegin);
  int second = open_ring(second_path, goes_on ? kGoOn : kBegin);
  if (first < 0 || second < 0) {
    fprintf(stderr, "iowriter: cannot open %s and %s: %s\n", first_path, second_path,
            strerror(errno));
    return 2;
  }
  uint64_t number = goes_on ? old_first.newest : 0, rounds = 0;
  double last = monotonic_ms(), told = last, worst = 0, worst_ever = 0;
  while (!stop_asked) {
    /* After an unclean end FIRST may be one ahead: SECOND gets that number before the next one. */
    if (rounds == 0 && number > 0 && put(second, number) != 0) break;
    ++number;
    if (put(first, number) != 0 || put(second, number) != 0) break;
    ++rounds;
    double now = monotonic_ms(), gap = now - last;
    last = now;
    if (gap > worst) worst = gap;
    if (gap > worst_ever) worst_ever = gap;
    if (gap > kRemarkableMs) printf("IOWRITER gap_ms=%.0f number=%" PRIu64 "\n", gap, number);
    if (now - told >= 1000) {
      tell(number, rounds, worst, worst_ever);
      told = now;
      worst = 0;
    }
    usleep(pause_us);
  }
  tell(number, rounds, worst, worst_ever);
  if (stop_asked) return 0;
  printf("IOWRITER error at number=%" PRIu64 ": %s\n", number, strerror(errno));
  return 2;
}

int main(int count, char **words) {
  struct sigaction action = {.sa_handler = ask_to_stop};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  if (count == 4 && strcmp(words[1], "c") == 0) return check(words[2], words[3]);
  if ((count == 4 || count == 5) && strcmp(words[1], "w") == 0)
    return write_for_ever(words[2], words[3], count == 5 ? (useconds_t)atoi(words[4]) : 5000);
  fprintf(stderr, "usage: iowriter w FIRST SECOND [PAUSE_US] | iowriter c FIRST SECOND\n");
  return 2;
}
