// SPDX-License-Identifier: GPL-2.0-only
/*
 * Multilinear hashing in pairs, strongly universal in the upper 32 bits of each sum: D. Lemire
 * and O. Kaser, "Strongly universal string hashing is fast", 2014. Two flows share a tag with a
 * probability of 2^-32, whatever an attacker sends, as long as the key is secret.
 * The flow key is drawn by user space; the ring's must be the same in all gateways, so it is none.
 */
#pragma once

#include "packet/packet.h"

/* The first 56 bytes of the fraction of pi. */
#define RING_KEY_0 0x243f6a8885a308d3ULL
#define RING_KEY_1 0x13198a2e03707344ULL
#define RING_KEY_2 0xa4093822299f31d0ULL
#define RING_KEY_3 0x082efa98ec4e6c89ULL
#define RING_KEY_4 0x452821e638d01377ULL
#define RING_KEY_5 0xbe5466cf34e90c6cULL
#define RING_KEY_6 0xc0ac29b7c97c50ddULL

#define HASH(K, p, last)                                                                           \
	((K##_0 + (K##_1 + (p)->source.word[0]) * (K##_2 + (p)->source.word[1]) +                  \
	  (K##_3 + (p)->source.word[2]) * (K##_4 + (p)->source.word[3]) +                          \
	  (K##_5 + ((__u32)(p)->source_port << 16 | (p)->destination_port)) * (K##_6 + (last))) >> \
	 32)

/* Alike in every gateway: nothing in it is local to one. */
INLINE __u32 ring_hash(const struct packet *p)
{
	return HASH(RING_KEY, p, p->protocol);
}

#define FLOW_KEY_MIX 0x9e3779b97f4a7c15ULL

/* Of this gateway's flow cache. The service stands for its address and protocol. */
INLINE __u32 flow_tag(const struct packet *p)
{
	return HASH(FLOW_KEY_TAG, p, p->service);
}

/*
 * Each sum is linear in the address and in the port, and what comes in sequence could gather in a
 * few buckets, with some keys. Mixed once more it does not, and stays as universal as it was.
 */
INLINE __u32 flow_bucket(const struct packet *p)
{
	__u64 hash = HASH(FLOW_KEY_BUCKET, p, p->service);

	return (hash ^ hash >> 15) * FLOW_KEY_MIX >> 32;
}
