// SPDX-License-Identifier: GPL-2.0-only
/*
 * The maps of the hints, included by maps/gateway.h. The loader defines HINT_BUCKETS and
 * LEARNED_BUCKETS (powers of two).
 */
#pragma once

#include "maps/address.h"

enum hint_kind { HINT_CID = 1, HINT_PUSHED = 2, HINT_LEARNED = 4, HINT_PREFIX = 8, HINT_WARM = 16 };
enum affinity { AFFINITY_NONE, AFFINITY_CLIENT, AFFINITY_PREFIX };
enum learn { LEARN_OFF, LEARN_EXCEPTIONS, LEARN_ALL };
enum shard_key { SHARD_NONE, SHARD_SOURCE, SHARD_PORT, SHARD_SERVICE };

/* How hints are used for a service. Times in seconds. Written by user space. */
struct hints {
	__u8 kinds;    /* of enum hint_kind: where to look */
	__u8 affinity; /* of the base choice */
	__u8 learn;
	__u8 shard_key;
	__u8 shard_size; /* backends of a shard */
	__u8 cut4; /* bits that are cut off a client's address: 128 less the length of its key */
	__u8 cut6;
	__u8 pad;
	__u32 holdout;       /* clients whose hash is below it ignore hints */
	__u32 lifetime;      /* of a hint after its last use */
	__u32 longest;       /* of a learned hint, whatever its use */
	__u32 bounded_until; /* till when load bounds hold: user space renews it each second */
	__u8 cid_size[8];    /* bytes of a server id, by configuration rotation; 0: none */
	__u8 nonce_size[8];  /* and of the nonce behind it */
	__u8 room[20];
	__u32 sample; /* TCP flows whose tag is below it are sampled */
};
SIZE_IS(struct hints, 64);

/*
 * A client's hint. Its word: tag (32 bits of a keyed hash), require (1), returned (1), nothing (1),
 * backend number (17), generation (8), present (4: 1). Times are seconds of the kernel's clock.
 */
struct hint {
	__u64 word;
	__u32 until; /* when it ends unless it is used */
	__u32 end;   /* when it ends in any case, whatever `until` says */
};

struct hint_bucket {
	struct hint hint[4];
};
SIZE_IS(struct hint_bucket, 64);

#define HINT_SAMPLE_PAGES 256
#define SAMPLE_HEAD 64
#define SAMPLE_PAYLOAD 1464 /* all that a segment of Ethernet can have */
#define SAMPLED_FLOWS 4096  /* of which is known how far they are */
#define SAMPLED_PACKETS 6   /* with payload, of a flow */

#define HINT_PRESENT 1
#define HINT_REQUIRE 0x80000000
#define HINT_RETURNED 0x40000000 /* learned, and its client came again: kept before others */
#define HINT_STEPS 8             /* buckets, one after the other, that a pushed hint may be in */

/* Of the longest prefix of a service. */
struct prefix_key {
	__u32 bits; /* of what follows: 32 of the service, and the prefix */
	__u32 service;
	union address address;
};

/* A connection id as far as its server id goes: rotation (3 bits), zeros (5), id, zeros. */
struct cid_key {
	__be64 id[2];
	__u32 service;
	__u32 pad;
};

/*
 * New flows of a backend in the running second, and how many there may be: `limit`, or this part of
 * all of the service's in it, as far as it is. Of a service: all of its backends'.
 */
struct load {
	__u32 flows;
	__u32 limit;
	__u32 part; /* the whole is PART_WHOLE */
	__u32 pad;
};
SIZE_IS(struct load, 16);
#define PART_WHOLE 0x100000

/* How many warm connections a backend says that it has, and until when that is believed. */
struct warmth {
	__u32 budget;
	__u32 until;
};

/* A flow that is sampled, from its SYN on until its handshake is over. */
struct sampled_flow {
	__u64 opened;    /* when the first SYN came: ns of the kernel's clock since boot */
	__be32 sequence; /* of the SYN */
	__u32 tag;
	__u8 held_out; /* its client is of the holdout group */
	__u8 packets;  /* with payload, so far */
	__u8 late;     /* its first packet with payload was not known as its own */
	__u8 pad[5];
};
SIZE_IS(struct sampled_flow, 24);

/* One of the first packets with payload of such a flow. */
struct hint_sample {
	__u64 time;
	__u64 opened;
	union address source;
	__be16 source_port;
	__be16 destination_port;
	__be32 sequence;
	__be32 first;  /* sequence number of the SYN */
	__u32 service; /* its index */
	__u32 number;  /* of the backend */
	__u16 length;  /* of the payload */
	__u16 copied;  /* how much of it is here */
	__u8 held_out;
	__u8 pad[7];
	__u8 payload[SAMPLE_PAYLOAD];
};
SIZE_IS(struct hint_sample, SAMPLE_HEAD + SAMPLE_PAYLOAD);

#define OUTCOME_CELLS 32
/* Beside the outcomes: what was made of what could be learned. */
#define CELL_LEARNED 29
#define CELL_REFRESHED 30
#define CELL_UNLEARNED 31 /* not under attack */

/* hints: by service. Written by user space. */
BPF_F_TABLE("array", u32, struct hints, hints, MAX_SERVICES, BPF_F_MMAPABLE);
/* pushed: hints by client, from user space. */
BPF_F_TABLE("array", u32, struct hint_bucket, pushed, HINT_BUCKETS, BPF_F_MMAPABLE);
/* learned: hints by client. Written by the data path. */
BPF_F_TABLE("array", u32, struct hint_bucket, learned, LEARNED_BUCKETS, BPF_F_MMAPABLE);
/* prefix_hints: by service and prefix. Written by user space. */
BPF_F_TABLE("lpm_trie", struct prefix_key, struct hint, prefix_hints, MAX_PREFIX_HINTS,
	    BPF_F_NO_PREALLOC);
/* cids: the word of a hint by server id. Written by user space. */
BPF_F_TABLE("hash", struct cid_key, u64, cids, MAX_BACKENDS, BPF_F_NO_PREALLOC);
/* loads: by backend number, then by service. The limits, and each second 0, are user space's. */
BPF_F_TABLE("array", u32, struct load, loads, MAX_BACKENDS + MAX_SERVICES, BPF_F_MMAPABLE);
/* warmths: by backend number. Written by user space, spent by the data path. */
BPF_F_TABLE("array", u32, struct warmth, warmths, MAX_BACKENDS, BPF_F_MMAPABLE);
/* outcomes: a part per CPU, in it cells per service. Written by the data path. */
BPF_F_TABLE("array", u32, u64, outcomes, CPUS *MAX_SERVICES *OUTCOME_CELLS, BPF_F_MMAPABLE);
/* sampled: by a part of the tag. Written by the data path. */
BPF_F_TABLE("array", u32, struct sampled_flow, sampled, SAMPLED_FLOWS, BPF_F_MMAPABLE);
/* hint_samples: struct hint_sample. Written by the data path, read by user space. */
BPF_RINGBUF_OUTPUT(hint_samples, HINT_SAMPLE_PAGES);
