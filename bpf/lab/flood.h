// SPDX-License-Identifier: GPL-2.0-only
/* What the lab's flood is made of: patterns of frames, prefixes of sources, and a generator. */
#pragma once

#include "packet/headers.h"
#include "packet/packet.h"

#define WORDS 12
#define FLOOD_FRAME (WORDS * 8) /* bytes that a frame is written in, before it is cut */
#define KINDS 8
#define PREFIXES 8
#define GOLDEN 0x9e3779b97f4a7c15ULL
#define LOWEST_PORT 1024
#define PORTS 0x7fff
#define HOPS 64

/* A frame without source, ports' first half, sequence and acknowledgement numbers. */
struct pattern {
	__u64 word[WORDS];
	__u32 length;
	__u32 ack;    /* all ones if it has an acknowledgement number */
	__u32 ip_sum; /* of the checksums, over what is there already */
	__u32 tcp_sum;
};

/* Sources: the bits of `mask` are drawn. IPv4 in the first four bytes; network byte order. */
struct prefix {
	__u64 base[2];
	__u64 mask[2];
};

struct flood {
	__u64 sent;
	__u64 returned; /* what came back to the sources */
	__u64 answered; /* and what of it bots have answered */
	__u64 seed;
	__u32 version;
	__u32 bots; /* 1: the sources answer challenges and cookies */
	struct pattern pattern[KINDS];
	struct prefix prefix[PREFIXES];
};

/* floods: the one. Written by user space, the counts by both programs. */
BPF_F_TABLE("array", u32, struct flood, floods, 1, BPF_F_MMAPABLE);

struct drawn {
	__be32 seq;
	__be32 ack;
	__be16 port;
	__u64 source[2];
};

/* The finalizer of splitmix64. */
INLINE __u64 mix(__u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}
