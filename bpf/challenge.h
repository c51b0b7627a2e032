// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mode auth: a SYN of an unproven source is answered by a bare ACK that acknowledges what was never
 * sent. The client must answer by an RST with that very number (RFC 9293 3.10.7.3, SYN-SENT), which
 * proves that it gets our packets; and its own retransmission of the SYN goes to the backend.
 * The number: generation of the key (2 bits), spare (1), SipHash (29).
 */
#pragma once

#include "guard_maps.h"
#include "reply.h"
#include "siphash.h"
#include "source.h"

#define CHALLENGE_SPARE (1u << 29)
#define CHALLENGE_MAC (CHALLENGE_SPARE - 1)
#define GENERATION_SHIFT 30

/* Host byte order. 0, which no packet has to answer, if there are no keys. */
INLINE __u32 challenge_of(const struct packet *p, __u32 generation)
{
	__u32 zero = 0;
	struct guard_keys *keys = guard_keys.lookup(&zero);

	if (!keys)
		return 0;
	generation %= KEY_GENERATIONS;
	return generation << GENERATION_SHIFT |
	       (tuple_siphash(p, keys->challenge[generation], 0, 0) & CHALLENGE_MAC);
}

INLINE __u32 key_generation(void)
{
	__u32 zero = 0;
	struct guard_keys *keys = guard_keys.lookup(&zero);

	return keys ? keys->generation : 0;
}

INLINE int challenge(struct packet *p)
{
	struct tcphdr *tcp = p->transport;
	struct reply r = {};
	__u32 number;

	if ((void *)(tcp + 1) > p->end)
		return VERDICT_BAD_TRANSPORT;
	number = challenge_of(p, key_generation());
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
	struct tcphdr *tcp = p->transport;
	__u32 number, generation;

	if ((void *)(tcp + 1) > p->end)
		return VERDICT_BAD_TRANSPORT;
	number = __be32_to_cpu(tcp->seq);
	generation = number >> GENERATION_SHIFT;
	if (((key_generation() - generation) & (KEY_GENERATIONS - 1)) > 1 ||
	    challenge_of(p, generation) != (number & ~CHALLENGE_SPARE))
		return GO_ON;
	prove(p);
	return VERDICT_PROVEN;
}
