// SPDX-License-Identifier: GPL-2.0-only
/*
 * The flow cache: a known flow stays at its backend. Set-associative, one cache line of eight
 * words a bucket, shared by all CPUs. A lost word costs nothing but a look at the ring.
 */
#pragma once

#include "lib/hash.h"
#include "lib/tagged_words.h"
#include "maps/gateway.h"
#include "maps/verdicts.h"
#include "packet/packet.h"

#define WORD_GENERATION(word) ((__u32)(word) >> 4 & 0xff)
#define WORD_NUMBER(word) ((__u32)(word) >> 12 & 0x1ffff)

INLINE __u64 flow_word(__u32 tag, __u32 number, __u32 generation, __u32 age)
{
	return (__u64)tag << 32 | number << 12 | generation << 4 | (age & (AGES - 1));
}

/* What find_flow() will read. */
INLINE void fetch_flow(const struct packet *p)
{
	__u32 index = flow_bucket(p) & (FLOW_BUCKETS - 1);

	fetch(flows.lookup(&index));
}

INLINE int find_bucket(struct packet *p)
{
	__u32 index = flow_bucket(p) & (FLOW_BUCKETS - 1);

	p->tag = flow_tag(p);
	p->bucket = flows.lookup(&index);
	return GO_ON;
}

INLINE int find_flow(struct packet *p)
{
	__u32 epoch = current_epoch();

	find_bucket(p);
	if (!p->bucket)
		return GO_ON;
#pragma unroll
	for (int i = 0; i <= WAYS; i++) {
		/* Where it was stored, unless others were there first: then anywhere. */
		__u32 way = i ? i - 1 : p->tag % WAYS;
		struct backend *backend;
		__u32 number;
		__u64 word;

		if (p->bucket->half[way][TAG_HALF] != p->tag)
			continue;
		word = p->bucket->flow[way];
		number = WORD_NUMBER(word);
		backend = backends.lookup(&number);
		if (!backend || backend->generation != WORD_GENERATION(word) ||
		    (backend->state != BACKEND_UP && backend->state != BACKEND_DRAIN) ||
		    age_of(word, epoch) > LIFETIME)
			return GO_ON;
		/* The client uses the ports of an old flow again: a draining backend gets none. */
		if (backend->state == BACKEND_DRAIN && p->tcp_flags & TCP_SYN) {
			if (!p->dry)
				p->bucket->flow[way] = 0;
			return GO_ON;
		}
		if (((word ^ ((epoch & (AGES - 1)) | SETTLED)) & ((AGES - 1) | p->settled)) &&
		    !p->dry && !p->quoted) {
			p->unsettled = !(word & LEARNED_FROM);
			p->bucket->flow[way] =
				(word & ~(__u64)(AGES - 1)) | (epoch & (AGES - 1)) | CONFIRMED;
		}
		p->number = number;
		p->backend = backend;
		if (!p->quoted)
			p->reason = VERDICT_FORWARD_FLOW;
		return GO_ON;
	}
	return GO_ON;
}

INLINE void store_flow(struct packet *p, __u32 marks)
{
	__u32 epoch = current_epoch();

	if (p->bucket && !p->dry)
		store_word(p->bucket,
			   flow_word(p->tag, p->number, p->backend->generation, epoch) | marks,
			   epoch, 1);
}
