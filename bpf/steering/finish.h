// SPDX-License-Identifier: GPL-2.0-only
/* The one exit: every packet is counted once, under one verdict, and leaves as that says. */
#pragma once

#include "maps/gateway.h"
#include "maps/verdicts.h"
#include "packet/packet.h"

#define SERVICE_CELL(p, cell) (MAX_BACKENDS * BACKEND_CELLS + (p)->service * SERVICE_CELLS + (cell))

/* Returns how many this CPU has counted there. */
INLINE __u64 count_in(struct packet *p, __u32 cell)
{
	__u32 index = bpf_get_smp_processor_id() * CELLS_PER_CPU + cell;
	struct counter *counter = counters.lookup(&index);

	if (!counter)
		return 0;
	counter->packets += 1;
	counter->bytes += p->frame_length;
	return counter->packets;
}

/* Beside the verdict that the packet ends in: what a guard would have made of it. */
INLINE void note(struct packet *p, __u32 verdict)
{
	if (!p->dry)
		count_in(p, SERVICE_CELL(p, NOTED_CELL + verdict));
}

INLINE void leave_trace(struct packet *p, __u32 verdict)
{
	struct trace *trace = trace_of(p->ctx);

	if (!trace)
		return;
	trace->verdict = verdict;
	trace->service = p->service;
	trace->backend = p->number;
	trace->slot = p->slot;
	trace->ifindex = p->backend ? p->backend->ifindex : 0;
	trace->tag = p->tag;
	trace->outcome = p->outcome;
}

/* Of what is not let through, a few go to user space: who sends it? */
INLINE void take_sample(struct packet *p, __u32 verdict, __u64 nth)
{
	struct sample sample;

	if (nth & (nth - 1) && nth % SAMPLE_EVERY)
		return;
	copy_address(&sample.source, &p->source);
	copy_address(&sample.destination, &p->destination);
	sample.source_port = p->source_port;
	sample.destination_port = p->destination_port;
	sample.length = p->frame_length;
	sample.protocol = p->protocol;
	sample.tcp_flags = p->tcp_flags;
	sample.service = p->service;
	sample.verdict = verdict;
	sample.count = nth;
	samples.ringbuf_output(&sample, sizeof(sample), 0);
}

INLINE void count(struct packet *p, __u32 verdict)
{
	__u64 nth;

	if (verdict <= FORWARD_LAST) {
		count_in(p, p->number * BACKEND_CELLS + verdict - 1);
		return;
	}
	nth = count_in(p, SERVICE_CELL(p, verdict));
	if (verdict >= SAMPLED_FIRST)
		take_sample(p, verdict, nth);
}

INLINE int action_of(struct packet *p, __u32 verdict)
{
	const int PASS = XDP_PASS, DROP = XDP_DROP, TX = XDP_TX, FORWARD = p->action;

	switch (verdict) {
#define V(name, action, expected, meaning)                                                         \
	case VERDICT_##name: return action;
		VERDICTS(V)
#undef V
	}
	return XDP_ABORTED;
}

INLINE int finish(struct packet *p, __u32 verdict)
{
	if (p->dry)
		leave_trace(p, verdict);
	else
		count(p, verdict);
	return action_of(p, verdict);
}
