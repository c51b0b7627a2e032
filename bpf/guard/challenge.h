// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mode auth: a SYN of an unproven source is answered by a bare ACK that acknowledges what was never
 * sent. The client must answer by an RST with that very number (RFC 9293 3.10.7.3, SYN-SENT), which
 * proves that it gets our packets; and its own retransmission of the SYN goes to the backend.
 * The number: generation of the key (2 bits), spare (1), SipHash (29).
 */
#pragma once

#include "guard/source.h"
#include "lib/key_generations.h"
#include "lib/siphash.h"
#include "maps/gateway.h"
#include "maps/verdicts.h"
#include "packet/reply.h"

#define CHALLENGE_SPARE (1u << 29)
#define CHALLENGE_MAC (CHALLENGE_SPARE - 1)

/* Of one of the generations that there are keys of. Host byte order. */
INLINE __u32 challenge_of(const struct packet *p, const struct guard_keys *keys, __u32 generation)
{
	return generation << GENERATION_SHIFT |
	       (tuple_siphash(p, keys->challenge[generation], 0, 0) & CHALLENGE_MAC);
}

INLINE int challenge(struct packet *p)
{
	__u32 zero = 0, number;
	struct guard_keys *keys = guard_keys.lookup(&zero);
	struct tcphdr *tcp = p->transport;
	struct reply r = {};

	if (!keys || (void *)(tcp + 1) > p->end)
		return VERDICT_BAD_TRANSPORT;
	number = challenge_of(p, keys, keys->generation % KEY_GENERATIONS);
	/* Acknowledging what was sent would be no challenge. */
	if (number == __be32_to_cpu(tcp->seq) + 1)
		number ^= CHALLENGE_SPARE;
	r.ack = __cpu_to_be32(number);
	r.flags = TCP_ACK;
	return reply(p, &r) ? VERDICT_NO_ROOM : VERDICT_CHALLENGED;
}

/* An RST: is it the answer to a challenge, by the current key or the one before? */
INLINE int take_proof(struct packet *p)
{
	__u32 zero = 0, number, generation;
	struct guard_keys *keys = guard_keys.lookup(&zero);
	struct tcphdr *tcp = p->transport;

	if (!keys || (void *)(tcp + 1) > p->end)
		return VERDICT_BAD_TRANSPORT;
	number = __be32_to_cpu(tcp->seq);
	generation = generation_of(number);
	if (generations_ago(keys->generation, generation) > 1 ||
	    challenge_of(p, keys, generation) != (number & ~CHALLENGE_SPARE))
		return GO_ON;
	prove(p);
	return VERDICT_PROVEN;
}
