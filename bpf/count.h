// SPDX-License-Identifier: GPL-2.0-only
/* The one exit: every packet is counted once, under one verdict, and leaves as that says. */
#pragma once

#include "maps.h"
#include "packet.h"
#include "verdicts.h"

INLINE void count(struct packet *p, __u32 verdict)
{
	__u32 cell = verdict <= FORWARD_LAST
			     ? p->number * BACKEND_CELLS + verdict - 1
			     : MAX_BACKENDS * BACKEND_CELLS + p->service * SERVICE_CELLS + verdict;
	__u32 index = bpf_get_smp_processor_id() * CELLS_PER_CPU + cell;
	struct counter *counter = counters.lookup(&index);

	if (!counter)
		return;
	counter->packets += 1;
	counter->bytes += p->frame_length;
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
