// SPDX-License-Identifier: GPL-2.0-only
/*
 * SipHash-1-3 (J.-P. Aumasson and D. Bernstein, "SipHash: a fast short-input PRF", 2012) over whole
 * words: for what an attacker gets to see. Every message of one key has its length in its last
 * word, so the length itself is left out.
 */
#pragma once

#include "packet/packet.h"

struct siphash {
	__u64 v0, v1, v2, v3;
};

INLINE __u64 rotate(__u64 word, const int bits)
{
	return word << bits | word >> (64 - bits);
}

INLINE void sip_round(struct siphash *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32) + s->v3;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 = rotate(s->v2, 32);
}

INLINE void sip_start(struct siphash *s, const __u64 key[2])
{
	s->v0 = key[0] ^ 0x736f6d6570736575ULL;
	s->v1 = key[1] ^ 0x646f72616e646f6dULL;
	s->v2 = key[0] ^ 0x6c7967656e657261ULL;
	s->v3 = key[1] ^ 0x7465646279746573ULL;
}

INLINE void sip_word(struct siphash *s, __u64 word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

INLINE __u64 sip_end(struct siphash *s)
{
	s->v2 ^= 0xff;
	sip_round(s);
	sip_round(s);
	sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/*
 * Over a packet's addresses and ports, a number and a few bits. IPv4 addresses, whose first half
 * is constant, are two words less.
 */
INLINE __u64 tuple_siphash(const struct packet *p, const __u64 key[2], __u32 number, __u32 bits)
{
	struct siphash s;

	sip_start(&s, key);
	sip_word(&s, (__u64)number << 32 | (__u32)p->source_port << 16 | p->destination_port);
	sip_word(&s, p->source.half[1]);
	sip_word(&s, p->destination.half[1]);
	if (p->version == 6) {
		sip_word(&s, p->source.half[0]);
		sip_word(&s, p->destination.half[0]);
	}
	sip_word(&s, (__u64)bits << 8 | p->version);
	return sip_end(&s);
}
