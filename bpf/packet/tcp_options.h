// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a segment's options say (RFC 9293 3.1, RFC 7323 2.2 and 3.2, RFC 2018 2), in whatever order and
 * however broken. What nearly every client sends is told by a few words; the rest takes a loop,
 * whose state is in a map: the verifier would follow each value of it that it knew.
 * As the kernel does: what comes last counts, and what is broken ends the list.
 */
#pragma once

#include "packet/headers.h"
#include "packet/packet.h"

#define OPTION_BYTES 40
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_WSCALE 3
#define OPTION_SACK 4
#define OPTION_TIMESTAMPS 8

#define MAX_WSCALE 14 /* RFC 7323 2.3 */
#define NO_WSCALE 15

/* Words that stand so in nearly every SYN. The last byte of the scale's is the scale. */
#define WORD_MSS 0x0204
#define WORD_NOP_WSCALE 0x010303
#define WORD_NOP_NOP_SACK 0x01010402
#define WORD_SACK_TIMESTAMPS 0x0402080a
#define WORD_NOP_NOP_TIMESTAMPS 0x0101080a
#define WORD_SACK_END 0x04020000
#define WORD_NOPS 0x01010101

struct syn_options {
	union {
		__be32 word[18]; /* the options as they came, and room to read on behind them */
		__u8 byte[72];
	};
	volatile __u32 at;
	volatile __u32 size;
	__be32 time; /* the client's timestamp, and what it echoes */
	__be32 echo;
	__u16 mss;   /* 0: none */
	__u8 wscale; /* NO_WSCALE: none */
	__u8 sack;
	__u8 timestamps;
	__u8 pad[3];
};
SIZE_IS(struct syn_options, 96); /* values of per-CPU maps are multiples of 8 bytes */

/* syn_options: of the SYN in hand. Written by the data path. */
BPF_PERCPU_ARRAY(syn_options, struct syn_options, 1);

/* RFC 7323 2.3: a larger one counts as 14. */
INLINE __u8 valid_scale(__u8 scale)
{
	return scale > MAX_WSCALE ? MAX_WSCALE : scale;
}

#define OPTION_WORD(i) __be32_to_cpu(word[i])

/*
 * Where the options are, by a pointer that the verifier takes for another than the header's: it would
 * go on with what was found out of their lengths, and walk whatever follows once for each.
 */
INLINE const __be32 *options_of(const struct packet *p, const struct tcphdr *tcp)
{
	return (const void *)(tcp + 1) + (nothing(p) & 4);
}

/* Linux, Windows and macOS, with and without timestamps. 0 if it is none of theirs. */
INLINE int usual_options(const struct packet *p, const struct tcphdr *tcp, struct syn_options *o)
{
	const __be32 *word = options_of(p, tcp);
	const __u32 words = tcp->doff - 5;
	__u32 second, third;

	if ((words != 3 && words != 5 && words != 6) || (void *)(word + 3) > p->end ||
	    OPTION_WORD(0) >> 16 != WORD_MSS)
		return 0;
	o->mss = OPTION_WORD(0);
	o->sack = 1;
	o->timestamps = words > 3;
	second = OPTION_WORD(1);
	third = OPTION_WORD(2);
	if (words == 3) {
		__u32 scale = second == WORD_NOP_NOP_SACK  ? third
			      : third == WORD_NOP_NOP_SACK ? second
							   : 0;

		o->wscale = valid_scale(scale);
		return scale >> 8 == WORD_NOP_WSCALE;
	}
	if ((void *)(word + 5) > p->end)
		return 0;
	if (words == 5 && second == WORD_SACK_TIMESTAMPS) {
		o->time = word[2];
		o->wscale = valid_scale(OPTION_WORD(4));
		return OPTION_WORD(4) >> 8 == WORD_NOP_WSCALE;
	}
	o->time = word[3];
	o->wscale = valid_scale(second);
	if (second >> 8 != WORD_NOP_WSCALE)
		return 0;
	if (words == 5)
		return third == WORD_SACK_TIMESTAMPS;
	return third == WORD_NOP_NOP_TIMESTAMPS && (void *)(word + 6) <= p->end &&
	       OPTION_WORD(5) == WORD_SACK_END;
}

INLINE void no_options(struct syn_options *o)
{
	o->mss = o->sack = o->timestamps = 0;
	o->wscale = NO_WSCALE;
}

INLINE void copy_options(const struct packet *p, const struct tcphdr *tcp, struct syn_options *o)
{
	const __be32 *word = options_of(p, tcp);
	const __u32 words = tcp->doff - 5;

#pragma unroll
	for (__u32 i = 0; i < OPTION_BYTES / 4; i++) {
		o->word[i] = 0;
		if (i < words && (void *)(word + i + 1) <= p->end)
			o->word[i] = word[i];
	}
	o->size = words * 4;
	o->at = 0;
}

/* The option at `at`, of which there are `length` bytes. */
INLINE void take_option(struct syn_options *o, __u32 at, __u8 kind, __u8 length)
{
	const __u8 *value = &o->byte[(at & 63) + 2];

	if (kind == OPTION_MSS && length == 4) {
		__u16 mss = value[0] << 8 | value[1];

		if (mss)
			o->mss = mss;
	} else if (kind == OPTION_WSCALE && length == 3) {
		o->wscale = valid_scale(value[0]);
	} else if (kind == OPTION_SACK && length == 2) {
		o->sack = 1;
	} else if (kind == OPTION_TIMESTAMPS && length == 10) {
		o->timestamps = 1;
		__builtin_memcpy(&o->time, value, 4);
		__builtin_memcpy(&o->echo, value + 4, 4);
	}
}

INLINE void every_option(struct syn_options *o)
{
#pragma nounroll
	for (int i = 0; i < OPTION_BYTES; i++) {
		__u32 at = o->at;
		__u8 kind = o->byte[at & 63], length = o->byte[(at & 63) + 1];

		if (at >= o->size || kind == OPTION_END)
			break;
		if (kind == OPTION_NOP) {
			o->at = at + 1;
			continue;
		}
		if (at + 2 > o->size || length < 2 || at + length > o->size)
			break;
		take_option(o, at, kind, length);
		o->at = at + length;
	}
}

/* NULL if the header is not whole. */
INLINE struct syn_options *read_options(struct packet *p)
{
	__u32 zero = 0;
	struct syn_options *o = syn_options.lookup(&zero);
	struct tcphdr *tcp = p->transport;

	if (!o || (void *)(tcp + 1) > p->end)
		return 0;
	if (!usual_options(p, tcp, o)) {
		no_options(o);
		copy_options(p, tcp, o);
		every_option(o);
	}
	return o;
}
