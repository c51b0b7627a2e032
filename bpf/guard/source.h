// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is known of a packet's source: whether it has proven that it is where it says. A source is an
 * IPv4 address or an IPv6 /64, and its prefix the /24 or the /48.
 */
#pragma once

#include "lib/hash.h"
#include "lib/tagged_words.h"
#include "maps/gateway.h"
#include "packet/packet.h"

/* What a source is remembered as. */
enum memory { MEMORY_PROVEN = 1, MEMORY_SYNS, MEMORY_OUT_OF_STATE, MEMORY_DATAGRAMS, MEMORY_ICMP };

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define MASK_24 0x00ffffffffffffffULL /* of the second half of an IPv4 address */
#define MASK_48 0x0000ffffffffffffULL /* of the first half of an IPv6 address */
#else
#define MASK_24 0xffffffffffffff00ULL
#define MASK_48 0xffffffffffff0000ULL
#endif

#define MEMORY_PREFIX 0x100

struct source {
	union {
		__u64 part;
		__u32 word[2];
	};
};

INLINE struct source source_of(const struct packet *p, const int prefix)
{
	struct source s;

	if (p->version == 4)
		s.part = p->source.half[1] & (prefix ? MASK_24 : ~0ULL);
	else
		s.part = p->source.half[0] & (prefix ? MASK_48 : ~0ULL);
	return s;
}

/* Hashed as flows are (lib/hash.h), by the same secret; mixed, for both halves are used. */
INLINE __u64 source_hash(struct source s, __u32 version, __u32 what, __u32 of)
{
	__u64 hash = FLOW_KEY_TAG_0 + (FLOW_KEY_TAG_1 + s.word[0]) * (FLOW_KEY_TAG_2 + s.word[1]) +
		     (FLOW_KEY_TAG_3 + (version << 16 | what)) * (FLOW_KEY_TAG_4 + of);

	return (hash ^ hash >> 32) * FLOW_KEY_MIX;
}

#define SOURCE_BUCKET(hash) ((__u32)(hash) & (SOURCE_BUCKETS - 1))
#define SOURCE_TAG(hash) ((__u32)((hash) >> 32))

/* Whether the source has answered lately. It is remembered for as long as it comes back. */
INLINE int is_proven(struct packet *p)
{
	__u64 hash = source_hash(source_of(p, 0), p->version, MEMORY_PROVEN, 0);
	__u32 index = SOURCE_BUCKET(hash), tag = SOURCE_TAG(hash), way, epoch;
	struct bucket *bucket = proven.lookup(&index);
	__u64 word, fresh;

	if (!bucket)
		return 0;
	way = find_word(bucket, tag);
	if (way >= WAYS)
		return 0;
	word = bucket->flow[way];
	epoch = current_epoch();
	if (WORD_TAG(word) != tag || age_of(word, epoch) > LIFETIME)
		return 0;
	fresh = tagged(tag, (epoch & (AGES - 1)) | CONFIRMED);
	if (word != fresh && !p->dry)
		bucket->flow[way] = fresh;
	return 1;
}

/* What is_proven() will read. */
INLINE void fetch_proven(const struct packet *p)
{
	__u32 index = SOURCE_BUCKET(source_hash(source_of(p, 0), p->version, MEMORY_PROVEN, 0));

	fetch(proven.lookup(&index));
}

INLINE void prove(struct packet *p)
{
	__u64 hash = source_hash(source_of(p, 0), p->version, MEMORY_PROVEN, 0);
	__u32 index = SOURCE_BUCKET(hash), epoch = current_epoch();
	struct bucket *bucket = proven.lookup(&index);

	if (bucket && !p->dry)
		store_word(bucket, tagged(SOURCE_TAG(hash), epoch & (AGES - 1)), epoch, 1);
}
