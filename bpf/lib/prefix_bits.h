// SPDX-License-Identifier: GPL-2.0-only
/* Prefixes of a source address, and a hash of each: what is known of whole networks is found so. */
#pragma once

#include "lib/hash.h"
#include "packet/packet.h"

/* All bits set if the word is 0. */
INLINE __u64 if_zero(__u64 word)
{
	return (__s64)((word - 1) & ~word) >> 63;
}

/* A source's bits in the order of their weight, as many of the lowest as one likes cut off. */
struct prefix_bits {
	__u64 high;
	__u64 low;
};

INLINE struct prefix_bits source_bits(const struct packet *p)
{
	struct prefix_bits bits = {
		.high = __be64_to_cpu(p->source.half[0]),
		.low = __be64_to_cpu(p->source.half[1]),
	};

	return bits;
}

/* Without branches: each would be a way of its own for the verifier, times all lengths. */
INLINE struct prefix_bits cut_off(struct prefix_bits bits, __u32 count)
{
	__u64 mask = ~0ULL << (count & 63);
	__u64 below_64 = ((__s64)(count >> 6) - 1) >> 63;

	bits.low &= mask & below_64;
	bits.high &= (mask | below_64) & ((__u64)(count >> 7) - 1);
	return bits;
}

#define PREFIX_SUM(K, bits, cut)                                                                   \
	((K##_0 + (K##_1 + (__u32)((bits).high >> 32)) * (K##_2 + (__u32)(bits).high) +            \
	  (K##_3 + (__u32)((bits).low >> 32)) * (K##_4 + (__u32)(bits).low) +                      \
	  (K##_5 + (cut)) * K##_6) >>                                                              \
	 32)

/* Strongly universal over all 64 bits (lib/hash.h); mixed, which loses nothing, for the bucket. */
INLINE __u64 prefix_hash(struct prefix_bits bits, __u32 cut)
{
	__u64 hash =
		PREFIX_SUM(FLOW_KEY_TAG, bits, cut) << 32 | PREFIX_SUM(FLOW_KEY_BUCKET, bits, cut);

	return (hash ^ hash >> 32) * FLOW_KEY_MIX;
}
