// SPDX-License-Identifier: GPL-2.0-only
/*
 * Samples of new flows, for the report of what hints bring: their first packets with payload, and
 * when their SYN came. A flow is sampled or not by its tag, so that all of its packets are, or none.
 * The loader defines PACKET_COPIES: whether the kernel has load_bytes().
 */
#pragma once

#include "hints/base_choice.h"
#include "lib/kernel_helpers.h"
#include "maps/gateway.h"
#include "maps/verdicts.h"
#include "packet/packet.h"
#include "packet/parse.h"
#include "steering/hand_over.h"

INLINE int is_sampled(const struct packet *p, const struct hints *h)
{
	return p->protocol == IPPROTO_TCP && !p->quoted && p->tag < h->sample;
}

INLINE int has_payload(const struct packet *p)
{
	const struct tcphdr *tcp = p->transport;

	if (p->protocol != IPPROTO_TCP)
		return p->transport_length > sizeof(struct udphdr);
	return (void *)(tcp + 1) <= p->end && p->transport_length > tcp->doff * 4;
}

/*
 * How much of the payload was copied to `to`, which has room for SAMPLE_PAYLOAD bytes. There is some.
 * Its length less one is what is bounded: the verifier of 6.1 learns nothing of a test for 0.
 */
INLINE __u32 copy_payload(const struct packet *p, __u32 header, void *to)
{
	__u32 at = p->link_length + p->network_length - p->transport_length + header,
	      size = (p->transport_length - header) & 0xffff, last;

	if (size > SAMPLE_PAYLOAD)
		size = SAMPLE_PAYLOAD;
	last = (size - 1 + nothing(p)) & 0x7ff;
	if (!PACKET_COPIES || last >= SAMPLE_PAYLOAD || load_bytes(p->ctx, at, to, last + 1))
		return 0;
	return last + 1;
}

/* Dropped if the ring is full. Nobody waits for it, so nobody is woken. */
INLINE void write_sample(const struct packet *p, const struct sampled_flow *flow)
{
	const struct tcphdr *tcp = p->transport;
	struct hint_sample *sample;
	__u32 header;

	if ((void *)(tcp + 1) > p->end)
		return;
	sample = hint_samples.ringbuf_reserve(sizeof(*sample));
	if (!sample)
		return;
	header = tcp->doff * 4;
	sample->time = bpf_ktime_get_ns();
	sample->opened = flow->opened;
	copy_address(&sample->source, &p->source);
	sample->source_port = p->source_port;
	sample->destination_port = p->destination_port;
	sample->sequence = tcp->seq;
	sample->first = flow->sequence;
	sample->service = p->service;
	sample->number = p->number;
	sample->length = p->transport_length - header;
	sample->held_out = flow->held_out;
	sample->copied = copy_payload(p, header, sample->payload);
	hint_samples.ringbuf_submit(sample, BPF_RB_NO_WAKEUP);
}

INLINE struct sampled_flow *sampled_place(const struct packet *p)
{
	__u32 index = p->tag & (SAMPLED_FLOWS - 1);

	return sampled.lookup(&index);
}

/*
 * Of a flow that is not stored: a SYN begins the sample, unless it is one that is sent again. If it has
 * payload and is no SYN, nothing was stored at the SYN, and the ACK was lost or is this one.
 */
INLINE int begin_sample(struct packet *p)
{
	struct hints *h = hints.lookup(&p->service);
	const struct tcphdr *tcp = p->transport;
	struct sampled_flow *flow = h && is_sampled(p, h) ? sampled_place(p) : 0;

	if (!flow || p->dry || (void *)(tcp + 1) > p->end)
		return GO_ON;
	if (!(p->tcp_flags & TCP_SYN)) {
		p->late = flow->late = flow->tag == p->tag && has_payload(p);
	} else if (flow->tag != p->tag || flow->sequence != tcp->seq) {
		flow->opened = bpf_ktime_get_ns();
		flow->sequence = tcp->seq;
		flow->held_out = is_held_out(p, h);
		flow->packets = flow->late = 0;
		flow->tag = p->tag;
	}
	return GO_ON;
}

/* Now that it is stored, to the program that takes samples, for which it still is a new flow. */
INLINE int hand_over_late(struct packet *p)
{
	return p->late ? hand_over(p, PROGRAM_LEARNER) : GO_ON;
}

/* A packet with payload of a known flow: which of them it is; 0 if its SYN was not sampled. */
INLINE __u32 sample_payload(struct packet *p)
{
	struct sampled_flow *flow = sampled_place(p);

	if (!flow || flow->tag != p->tag)
		return 0;
	write_sample(p, flow);
	if (flow->late)
		p->reason = VERDICT_FORWARD_NEW;
	else
		flow->packets += 1;
	flow->late = 0;
	return flow->packets;
}
