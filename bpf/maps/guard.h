// SPDX-License-Identifier: GPL-2.0-only
/*
 * The maps of the guard, included by maps/gateway.h. The loader defines SOURCE_BUCKETS,
 * FIRST_SYN_BUCKETS and PREFIX_BUCKETS (powers of two), and PREFIX_SHIFT, by which a hash of 64 bits
 * becomes the number of such a bucket.
 */
#pragma once

#include "maps/address.h"

enum guard_mode { GUARD_AUTH = 1, GUARD_COOKIE_BACKEND, GUARD_COOKIE_LOCAL, GUARD_RETRANSMIT };

/* TCP options that the kernel of this host would keep: accel/datapath/guard/local_cookies.py looks. */
enum offer { OFFER_TIMESTAMPS = 1, OFFER_SACK = 2, OFFER_SCALE = 4, OFFER_ECN = 8 };

/* What a check may do. RULE_LINGER: an attack is over, and answers to it may still come. */
enum rule_level { RULE_OFF, RULE_MONITOR, RULE_ON, RULE_LINGER };

/* What is checked, each at a level of its own. */
enum rule {
	RULE_SYN,       /* SYNs, by the mode of the guard */
	RULE_UNKNOWN,   /* TCP of no known flow that is no SYN */
	RULE_PREFIX,    /* allow and deny prefixes */
	RULE_FLAGS,     /* combinations of TCP flags that no client sends */
	RULE_FRAGMENT,  /* first fragments of TCP */
	RULE_SYN_RATE,  /* new connections of a source that is proven */
	RULE_UDP_RATE,  /* datagrams of a source */
	RULE_ICMP_RATE, /* ICMP of a source */
};

/* A token bucket's rate, in units of the guard's clock (lib/clock.h): see guard/source.h. */
struct rate {
	__u32 each;  /* how long one packet's token takes to come back */
	__u32 burst; /* how far ahead of its rate a source may be */
};

/* Which rate: of a source (IPv4 /32, IPv6 /64) or of its prefix (/24, /48). */
enum rate_of { RATE_SYN, RATE_SYN_PREFIX, RATE_UDP, RATE_UDP_PREFIX, RATE_ICMP, RATE_ICMP_PREFIX };

/* What the guard of a service does now. Written by user space, each word in one store. */
struct guard {
	__u8 level[8]; /* of each rule: enum rule_level */
	__u8 mode;
	__u8 wscale; /* announced with cookies */
	__u16 mss4;  /* announced with cookies: what fits on the way to every backend */
	__u16 mss6;
	__u8 options; /* announced with cookies of mode cookie-local: enum offer */
	__u8 pad;
	struct rate rate[6];
};
SIZE_IS(struct guard, 64);

/* SipHash keys by generation modulo 4; the current one and that before are valid. */
struct guard_keys {
	__u64 challenge[4][2];
	__u64 cookie[4][2];
	__u32 generation;
	__u32 pad;
};

/* A packet that was not let through, as samples of them go to user space. */
struct sample {
	union address source;
	union address destination;
	__be16 source_port;
	__be16 destination_port;
	__u16 length; /* of the frame, in bytes */
	__u8 protocol;
	__u8 tcp_flags;
	__u32 service; /* its index */
	__u32 verdict;
	__u64 count; /* how many the counter of this verdict has seen: the weight of the sample */
};
SIZE_IS(struct sample, 56);

/*
 * Which lengths of prefixes occur below a block: the bits that they cut off, plus 1, in a byte each,
 * the longest prefix first, from the lowest byte on; 0 ends. A block is of IPv4 a /16, of IPv6 all /32
 * of one hash; prefixes no longer than that are below the rest of their version.
 */
struct prefix_block {
	__u64 cuts[2];
};
SIZE_IS(struct prefix_block, 16);

#define PREFIX_LENGTHS 16
#define PREFIX_PROBES 28 /* buckets that are looked at for a block at the most */
#define PREFIX_FACTOR 0x9e3779b1
#define PREFIX_BLOCKS_6 0x10000
#define PREFIX_REST_4 0x20000
#define PREFIX_REST_6 0x20001
#define PREFIX_BLOCKS 0x20002

/* An entry of `prefixes`: the hash's upper 61 bits behind a 0, and the action; 0 if it was removed. */
#define PREFIX_ENTRY(hash) ((hash) >> 1 & ~3ULL)
#define PREFIX_ALLOW 1
#define PREFIX_DENY 2
#define PREFIX_ACTIONS 3

#define SAMPLE_PAGES 64
/* Of a verdict and service, on each CPU; and the 1st, 2nd, 4th ... Prime: all who take turns show. */
#define SAMPLE_EVERY 1021

/* The programs that a packet can be handed over to, by their place in the map. */
enum program {
	PROGRAM_GATEWAY,
	PROGRAM_LIMIT,
	PROGRAM_HANDSHAKE,
	PROGRAM_OUT_OF_STATE,
	PROGRAM_NEW_FLOW,
	PROGRAM_LEARNER,
	PROGRAMS
};
/* What a packet that is handed back has behind it. */
enum passed { PASSED_NOTHING, PASSED_FILTER, PASSED_ALL, PASSED_COOKIE };

/* programs: filled by user space. */
BPF_PROG_ARRAY(programs, PROGRAMS);
/* handed_back: enum passed, for the packet that the gateway begins with next. Data path. */
BPF_PERCPU_ARRAY(handed_back, u32, 1);
/* guards: by what struct service says; 0 is none. Written by user space. */
BPF_F_TABLE("array", u32, struct guard, guards, MAX_SERVICES, BPF_F_MMAPABLE);
/* guard_keys: one entry. Written by user space. */
BPF_F_TABLE("array", u32, struct guard_keys, guard_keys, 1, BPF_F_MMAPABLE);
/* proven: sources that have answered. Tagged words. Written by the data path, swept by user space. */
BPF_F_TABLE("array", u32, struct bucket, proven, SOURCE_BUCKETS, BPF_F_MMAPABLE);
/* paces: the token buckets of sources and prefixes. Tagged words. Written by the data path. */
BPF_F_TABLE("array", u32, struct bucket, paces, SOURCE_BUCKETS, BPF_F_MMAPABLE);
/* first_syns: which SYN came when, for mode retransmit. Tagged words. Written by the data path. */
BPF_F_TABLE("array", u32, struct bucket, first_syns, FIRST_SYN_BUCKETS, BPF_F_MMAPABLE);
/* prefix_blocks: by block, see prefixes/prefix_filter.h. Written by user space. */
BPF_F_TABLE("array", u32, struct prefix_block, prefix_blocks, PREFIX_BLOCKS, BPF_F_MMAPABLE);
/* prefixes: allowed and denied ones, by a hash of each. Written by user space. */
BPF_F_TABLE("array", u32, struct bucket, prefixes, PREFIX_BUCKETS, BPF_F_MMAPABLE);
/* samples: struct sample. Written by the data path, read by user space. */
BPF_RINGBUF_OUTPUT(samples, SAMPLE_PAGES);
