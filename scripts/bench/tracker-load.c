// Load for a UDP tracker (BEP 15): announces in a closed loop with a fixed number under way, or at a fixed rate.
//
//   tracker-load PORT [-o OUTSTANDING] [-r PER_SECOND] [-s SECONDS] [-w WARM_UP_SECONDS]
//                [-H SWARMS] [-P PEERS_PER_SWARM] [-A ADDRESSES] [-n NUM_WANT] [-c CPU] [-y] [-R | -L]
//
// It sends to 127.0.0.1 only, from one socket, by recvmmsg and sendmmsg, under ADDRESSES addresses of 127.0.0.0/8
// (IP_PKTINFO names the source of each datagram), so that a limit per address stays as it is. Peer number i of all
// SWARMS x PEERS_PER_SWARM is in swarm i / PEERS_PER_SWARM, and one in four is a seeder. Each address first gets its
// connection id; then peers drawn at random announce. -R instead announces each peer once, until it is answered.
// -y gives up the CPU when nothing has come, for a tracker that shares it. -L prints the info hashes, for a tracker that wants a list. The result is one line of JSON.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, MAX_OUTSTANDING = 1 << 16, TIMEOUT_MS = 1000, BUCKETS = 1 << 14 };

struct request {
  uint64_t sent_ns;
  uint32_t peer; // what it announces; in the first phase the address that connects
  uint16_t turn; // tells a late answer from the present one
  uint8_t waiting, connects;
};
union control {
  char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
  struct cmsghdr align;
};

static uint32_t swarms = 10000, per_swarm = 100, addresses = 4096, outstanding = 128, want = 50;
static uint64_t peers, rate;
static double seconds = 3, warm_up = 0.5;
static int registers, yields, port, fd;

static struct request *slots;
static uint64_t *connection_ids;
static uint32_t *idle, idle_count; // slots that wait for their moment
static uint64_t now_ns, chance = 0x9e3779b97f4a7c15ull, next_to_connect, connected, next_peer;
static uint64_t sent, answered, lost, refused, odd, registered, measured_bytes;
static uint32_t histogram[BUCKETS];
static int measuring;

static struct mmsghdr out[BATCH], in[BATCH];
static struct iovec out_part[BATCH], in_part[BATCH];
static uint8_t out_bytes[BATCH][98], in_bytes[BATCH][2048];
static union control out_control[BATCH];
static struct sockaddr_in target;
static int out_count;

static uint64_t clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static uint64_t mixed(uint64_t x) {
  x ^= x >> 32, x *= 0xd6e8feb86659fd93ull, x ^= x >> 32, x *= 0xd6e8feb86659fd93ull;
  return x ^ x >> 32;
}
static uint64_t drawn(uint64_t bound) {
  chance += 0x9e3779b97f4a7c15ull;
  return (uint64_t)((unsigned __int128)mixed(chance) * bound >> 64);
}
static void put_u32(uint8_t *at, uint32_t v) { v = htonl(v), memcpy(at, &v, 4); }
static uint32_t get_u32(const uint8_t *at) { uint32_t v; memcpy(&v, at, 4); return ntohl(v); }
static void put_hash(uint8_t *at, uint32_t swarm) {
  for (int i = 0; i < 5; i++) put_u32(at + 4 * i, (uint32_t)mixed((uint64_t)swarm * 5 + (uint64_t)i + 1));
}

// Exact to 1/64: a bucket for each of 64 steps within each power of two of nanoseconds.
static uint32_t bucket_of(uint64_t ns) {
  if (ns < 64) return (uint32_t)ns;
  int shift = 57 - __builtin_clzll(ns);
  return (uint32_t)(64 * (shift + 1)) + (uint32_t)(ns >> shift & 63);
}
static double quantile_us(double q) {
  uint64_t all = 0, seen = 0;
  for (int i = 0; i < BUCKETS; i++) all += histogram[i];
  for (uint32_t i = 0; i < BUCKETS; i++) {
    seen += histogram[i];
    if (all && (double)seen >= q * (double)all) return (i < 64 ? i : (double)((64ull + i % 64) << (i / 64 - 1))) / 1e3;
  }
  return 0;
}

static void flush_out(void) {
  for (int done = 0; done < out_count;) {
    int n = sendmmsg(fd, out + done, (unsigned)(out_count - done), 0);
    if (n > 0) done += n;
    else if (errno != EINTR && errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED) { perror("sendmmsg"); exit(1); }
  }
  sent += (uint64_t)out_count;
  out_count = 0;
}

static void send_from(uint32_t address, size_t size) {
  struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(CMSG_FIRSTHDR(&out[out_count].msg_hdr));
  info->ipi_spec_dst.s_addr = htonl(0x7f010001u + address);
  out_part[out_count].iov_len = size;
  if (++out_count == BATCH) flush_out();
}

// Sends what the slot is to ask next; false when there is nothing left to ask.
static int ask(uint32_t slot, int again) {
  struct request *r = &slots[slot];
  uint8_t *b = out_bytes[out_count];
  if (!again) {
    r->connects = next_to_connect < addresses;
    if (r->connects) r->peer = (uint32_t)next_to_connect++;
    else if (connected < addresses) return 0;
    else if (!registers) r->peer = (uint32_t)drawn(peers);
    else if (next_peer < peers) r->peer = (uint32_t)next_peer++;
    else return 0;
  }
  r->waiting = 1, r->turn++, r->sent_ns = now_ns;
  uint32_t transaction = (uint32_t)r->turn << 16 | slot;
  if (r->connects) {
    put_u32(b, 0x417), put_u32(b + 4, 0x27101980), put_u32(b + 8, 0), put_u32(b + 12, transaction);
    send_from(r->peer, 16);
    return 1;
  }
  uint32_t address = r->peer % addresses, listens = 1024 + r->peer / addresses % 60000;
  memset(b + 36, 0, 62);
  memcpy(b, &connection_ids[address], 8);
  put_u32(b + 8, 1), put_u32(b + 12, transaction);
  put_hash(b + 16, r->peer / per_swarm);
  memcpy(b + 36, "-LD0001-", 8), put_u32(b + 44, r->peer);
  put_u32(b + 68, r->peer % 4 ? 1 << 30 : 0);
  put_u32(b + 80, registers ? 2 : 0);
  put_u32(b + 88, r->peer), put_u32(b + 92, want);
  b[96] = (uint8_t)(listens >> 8), b[97] = (uint8_t)listens;
  send_from(address, 98);
  return 1;
}

static void rest(uint32_t slot) { slots[slot].waiting = 0, idle[idle_count++] = slot; }

static void take(const uint8_t *b, uint32_t size) {
  uint32_t slot = size < 8 ? outstanding : get_u32(b + 4) & 0xffff, action = size < 8 ? 0 : get_u32(b);
  struct request *r = &slots[slot];
  if (slot >= outstanding || !r->waiting || r->turn != get_u32(b + 4) >> 16) { odd++; return; }
  if (r->connects && action == 0 && size >= 16) memcpy(&connection_ids[r->peer], b + 8, 8), connected++;
  else if (!r->connects && action == 1 && size >= 20) {
    registered++;
    if (measuring) answered++, measured_bytes += size, histogram[bucket_of(now_ns - r->sent_ns)]++;
  } else {
    if (!refused++) fprintf(stderr, "the tracker says: %.*s\n", (int)(size - 8), (const char *)b + 8);
  }
  // At a fixed rate, and while addresses are still without a connection id, the slot waits for its moment.
  if (rate || !ask(slot, 0)) rest(slot);
}

static void open_socket(void) {
  int size = 32 << 20, on = 1;
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  struct sockaddr_in any = {.sin_family = AF_INET};
  if (bind(fd, (void *)&any, sizeof any)) { perror("bind"); exit(1); }
  target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  for (int i = 0; i < BATCH; i++) {
    in_part[i] = (struct iovec){in_bytes[i], sizeof in_bytes[i]};
    in[i].msg_hdr = (struct msghdr){.msg_iov = &in_part[i], .msg_iovlen = 1};
    out_part[i].iov_base = out_bytes[i];
    out[i].msg_hdr = (struct msghdr){.msg_name = &target, .msg_namelen = sizeof target, .msg_iov = &out_part[i], .msg_iovlen = 1,
      .msg_control = &out_control[i], .msg_controllen = sizeof out_control[i]};
    struct cmsghdr *head = CMSG_FIRSTHDR(&out[i].msg_hdr);
    head->cmsg_level = IPPROTO_IP, head->cmsg_type = IP_PKTINFO, head->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
  }
}

static void read_options(int argc, char **argv) {
  int o, lists = 0, cpu = -1;
  while ((o = getopt(argc, argv, "o:r:s:w:H:P:A:n:c:yRL")) != -1) switch (o) {
    case 'o': outstanding = (uint32_t)atoi(optarg); break;
    case 'r': rate = (uint64_t)atoll(optarg); break;
    case 's': seconds = atof(optarg); break;
    case 'w': warm_up = atof(optarg); break;
    case 'H': swarms = (uint32_t)atoi(optarg); break;
    case 'P': per_swarm = (uint32_t)atoi(optarg); break;
    case 'A': addresses = (uint32_t)atoi(optarg); break;
    case 'n': want = (uint32_t)atoi(optarg); break;
    case 'c': cpu = atoi(optarg); break;
    case 'y': yields = 1; break;
    case 'R': registers = 1; break;
    case 'L': lists = 1; break;
    default: exit(2);
  }
  peers = (uint64_t)swarms * per_swarm;
  for (uint32_t s = 0; lists && s < swarms; s++) {
    uint8_t hash[20];
    put_hash(hash, s);
    for (int i = 0; i < 20; i++) printf("%02x", hash[i]);
    puts("");
  }
  if (lists) exit(0);
  if (optind + 1 != argc || outstanding < 1 || outstanding > MAX_OUTSTANDING || !addresses || addresses > 1 << 24 || peers >> 32) {
    fprintf(stderr, "see the head of tracker-load.c\n");
    exit(2);
  }
  port = atoi(argv[optind]);
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu >= 0) CPU_SET(cpu, &set), sched_setaffinity(0, sizeof set, &set);
}

static double cpu_s(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv) {
  read_options(argc, argv);
  open_socket();
  slots = calloc(outstanding + 1, sizeof *slots);
  idle = calloc(outstanding, sizeof *idle);
  connection_ids = calloc(addresses, sizeof *connection_ids);
  uint64_t begin = 0, end = UINT64_MAX, looked = now_ns = clock_ns(), started = 0, paced = 0, sent_before = 0;
  double cpu_before = cpu_s();
  for (uint32_t i = outstanding; i-- > 0;) rest(i);
  while (now_ns < end && !(registers && registered + refused >= peers)) {
    now_ns = clock_ns();
    if (!started && connected >= addresses) {
      started = now_ns, measuring = registers;
      begin = registers ? now_ns : now_ns + (uint64_t)(warm_up * 1e9);
      if (!registers) end = begin + (uint64_t)(seconds * 1e9);
      cpu_before = cpu_s();
    }
    if (started && !registers && !measuring && now_ns >= begin) measuring = 1, begin = now_ns, lost = 0, sent_before = sent, cpu_before = cpu_s();
    uint64_t allowed = !rate || !started ? UINT64_MAX : (uint64_t)((double)(now_ns - started) * (double)rate / 1e9);
    while (idle_count && paced < allowed) {
      if (!ask(idle[idle_count - 1], 0)) break;
      idle_count--;
      if (started) paced++;
    }
    flush_out();
    // Never asleep: on a machine whose cores are virtual, waking up can take longer than all the rest.
    int n = recvmmsg(fd, in, BATCH, MSG_DONTWAIT, NULL);
    if (yields && n <= 0) sched_yield();
    now_ns = clock_ns();
    for (int i = 0; i < n; i++) take(in_bytes[i], in[i].msg_len);
    flush_out();
    if (now_ns - looked < 50000000u) continue;
    looked = now_ns;
    for (uint32_t i = 0; i < outstanding; i++) {
      if (!slots[i].waiting || now_ns - slots[i].sent_ns < TIMEOUT_MS * 1000000ull) continue;
      lost++;
      ask(i, 1);
    }
    flush_out();
  }
  double took = (double)(clock_ns() - begin) / 1e9;
  uint64_t asked = sent - sent_before;
  printf("{\"perSecond\":%.1f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"lost\":%lu,\"lossPercent\":%.4f,\"refused\":%lu,\"odd\":%lu,"
         "\"answerBytes\":%.1f,\"seconds\":%.3f,\"cpu\":%.3f,\"answered\":%lu}\n",
    (double)answered / took, quantile_us(.5), quantile_us(.99), lost, asked ? 100. * (double)lost / (double)asked : 0, refused, odd,
    answered ? (double)measured_bytes / (double)answered : 0, took, (cpu_s() - cpu_before) / took, answered);
  return refused ? 1 : 0;
}
