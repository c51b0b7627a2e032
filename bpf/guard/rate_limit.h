// SPDX-License-Identifier: GPL-2.0-only
/* How fast a source may go on: new connections of proven sources, datagrams, ICMP. */
#pragma once

#include "guard/enforce.h"
#include "guard/source.h"
#include "lib/clock.h"
#include "lib/tagged_words.h"
#include "maps/gateway.h"
#include "maps/verdicts.h"
#include "packet/packet.h"

/*
 * A token bucket in one word: the time at which it would be full again (the generic cell rate
 * algorithm, ITU-T I.371). Whether the packet has a token; takes it if so.
 */
INLINE int take_token(struct packet *p, const struct rate *rate, struct source s, __u32 what)
{
	__u64 hash = source_hash(s, p->version, what, p->guard);
	__u32 index = SOURCE_BUCKET(hash), tag = SOURCE_TAG(hash), now = clock_now(), full_at, way;
	struct bucket *bucket = paces.lookup(&index);

	if (!bucket || !rate->each)
		return 1;
	way = find_word(bucket, tag);
	full_at = way < WAYS ? (__u32)bucket->flow[way] : now;
	/* Past, or of before the clock wrapped. */
	if (full_at - now > rate->burst + rate->each)
		full_at = now;
	if (full_at - now > rate->burst)
		return 0;
	if (!p->dry)
		store_word(bucket, tagged(tag, full_at + rate->each), now, 0);
	return 1;
}

/* Of the source, then of its prefix. `which` is the source's; the prefix's is the next one. */
INLINE int within_rate(struct packet *p, const struct guard *g, __u32 which, __u32 memory)
{
	return take_token(p, &g->rate[which], source_of(p, 0), memory) &&
	       take_token(p, &g->rate[which + 1], source_of(p, 1), memory | MEMORY_PREFIX);
}

/* Of a source that is proven, new connections and out-of-state segments each within its rate. */
INLINE int admit_proven(struct packet *p, const struct guard *g, __u32 memory)
{
	if (!g->level[RULE_SYN_RATE] || within_rate(p, g, RATE_SYN, memory))
		return GO_ON;
	return enforce(p, g, RULE_SYN_RATE, VERDICT_SYN_RATE);
}

/* UDP and ICMP: so many packets of a source, and of its prefix. */
INLINE int limit_rate(struct packet *p)
{
	const int udp = p->protocol == IPPROTO_UDP;
	struct guard *g = guards.lookup(&p->guard);
	__u32 rate = udp ? RATE_UDP : RATE_ICMP, rule = udp ? RULE_UDP_RATE : RULE_ICMP_RATE;

	if (!g || within_rate(p, g, rate, udp ? MEMORY_DATAGRAMS : MEMORY_ICMP))
		return GO_ON;
	return enforce(p, g, rule, udp ? VERDICT_UDP_RATE : VERDICT_ICMP_RATE);
}
