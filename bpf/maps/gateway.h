// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every map, and the structs in them. User space takes their layout from here through bcc.
 * The loader defines MAX_SERVICES, MAX_BACKENDS, SERVICE_BUCKETS and FLOW_BUCKETS (powers of two),
 * RING_LINES and CPUS.
 */
#pragma once

#include "maps/address.h"

/*
 * Port 0: any port. Protocol 0 with port 0: the address as such, for ICMP and fragments. The word
 * of port, protocol, `used`, index and guard is written last: an entry is there whole or not at all.
 */
struct service {
	union address address;
	union {
		struct {
			__be16 port;
			__u8 protocol;
			__u8 used; /* 1, or the entry is free */
		};
		__u32 what;
	};
	__u16 index; /* in counters; 0 for an address as such. The highest bit: LEARNS */
	__u16 guard; /* which guard looks at its packets (maps/guard.h); 0 for none */
	__u64 ring;  /* a ring word; 0: no backend is up */
};
SIZE_IS(struct service, 32);

/*
 * A ring word says where in the map of rings a ring is: its first line (32 bits), slots (17) and
 * lines of numbers (15). One store of it swaps the whole ring.
 */
#define RING_FIRST(word) ((__u32)(word))
#define RING_SLOTS(word) ((__u32)((word) >> 32) & 0x1ffff)

/* Where a service may be: one of these, by either of two hashes (accel/datapath/steering/services_table.py). */
struct service_bucket {
	struct service service[2];
};

enum mode { MODE_IPIP = 1, MODE_GUE = 2, MODE_L2DSR = 3, MODE_LOCAL = 4 };
enum backend_state { BACKEND_UP = 1, BACKEND_DRAIN = 2, BACKEND_DOWN = 3 }; /* 0: unused */

/*
 * One cache line of eight words. User space writes it word by word, the first last: what changes
 * while packets flow is in that one, so no packet sees it half written.
 */
struct backend {
	__u8 mac[6]; /* of the next hop */
	__u8 state;
	__u8 generation;

	__u8 source_mac[6];
	__u8 mode;
	__u8 outer; /* IP version of the outer header, 0 for none */

	__u32 ifindex; /* 0: next hop not known */
	__u16 mtu;     /* of the way to the backend */
	__be16 vlan;   /* id, 0 for none */

	__be16 gue_port;
	__u16 checksum; /* of the constant part of an outer IPv4 header */
	__u32 service;  /* whose backend this is */

	union address source; /* of the outer header; IPv4 in word[3] */
	union address destination;
};
SIZE_IS(struct backend, 64);

/*
 * One flow is one word, so it is never torn: tag (32 bits of a keyed hash), confirmed by a
 * second packet (1), learned from (1), spoken (1), backend number (17), generation (8), age (4).
 * 0 is no flow. A bucket is one cache line.
 */
struct bucket {
	union {
		__u64 flow[8];
		__u32 half[8][2];
	};
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define TAG_HALF 1
#else
#define TAG_HALF 0
#endif

/*
 * A ring is a run of cache lines: a header, the slots (32 a line: position of a backend in the list
 * that follows), and that list (16 a line: backend numbers).
 */
struct ring_line {
	union {
		struct {
			/* The ring of a few seconds ago: handshakes under way were steered by it. */
			__u64 former;
			__u32 count; /* of the backends in the list */
		};
		__u16 slot[32];
		__u32 number[16];
	};
};
SIZE_IS(struct ring_line, 64);

struct settings {
	__u32 epoch; /* what flows age by, counted on by user space */
	__u32 pad;
	__u64 flow_key[14]; /* kept here for the next program; this one has them compiled in */
};

struct counter {
	__u64 packets;
	__u64 bytes;
};

struct budget {
	__u64 full_at; /* ns: when the bucket will be full again */
};

/* A packet in the making has no room for counters of both: forwarded ones go to the backend. */
#define BACKEND_CELLS 4
#define SERVICE_CELLS 64 /* a half for verdicts, a half for what was only noted */
#define NOTED_CELL 32
#define LEARNS 0x8000 /* of struct service's index: its flows are learned from, or sampled */
#define CELLS_PER_CPU (MAX_BACKENDS * BACKEND_CELLS + MAX_SERVICES * SERVICE_CELLS)
#define SIEVE_WORDS 1024

/* services: what is a service. Written by user space. */
BPF_F_TABLE("array", u32, struct service_bucket, services, SERVICE_BUCKETS, BPF_F_MMAPABLE);
/* sieve: one bit per hash of a service address, so that other packets leave at once. User space. */
BPF_F_TABLE("array", u32, u64, sieve, SIEVE_WORDS, BPF_F_MMAPABLE);
/* backends: by number. Written by user space. */
BPF_F_TABLE("array", u32, struct backend, backends, MAX_BACKENDS, BPF_F_MMAPABLE);
/* flows: the flow cache. Key bucket. Written by the data path, swept by user space. */
BPF_F_TABLE("array", u32, struct bucket, flows, FLOW_BUCKETS, BPF_F_MMAPABLE);
/* rings: all rings, wherever there was room. Written by user space. */
BPF_F_TABLE("array", u32, struct ring_line, rings, RING_LINES, BPF_F_MMAPABLE);
/* settings: one entry. Written by user space. */
BPF_F_TABLE("array", u32, struct settings, settings, 1, BPF_F_MMAPABLE);
/* counters: a part per CPU, in it cells per backend, then per service. Written by the data path. */
BPF_F_TABLE("array", u32, struct counter, counters, CPUS *CELLS_PER_CPU, BPF_F_MMAPABLE);
/* budgets: how many ICMP errors each CPU may still send. Written by the data path. */
BPF_PERCPU_ARRAY(budgets, struct budget, 1);

#include "maps/guard.h"
#include "maps/hints.h"
