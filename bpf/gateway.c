// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gateway: what happens to a packet, step by step. docs/packet.md has the drawing.
 * gateway() is attached. What a guard must look at closer is handed over to one of the others, so
 * that a packet which no guard looks at pays nothing for them, and the verifier walks through each
 * by itself.
 */
#include "verdicts.h"
#include "headers.h"
#include "maps.h"
#include "packet.h"
#include "parse.h"
#include "service.h"
#include "count.h"
#include "filter.h"
#include "icmp.h"
#include "guard.h"
#include "flow.h"
#include "ring.h"
#include "forward.h"

#define PACKET(ctx_)                                                                               \
	{                                                                                          \
		.ctx = ctx_, .at = (void *)(long)ctx_->data, .end = (void *)(long)ctx_->data_end,  \
		.frame_length = ctx_->data_end - ctx_->data, .slot = NO_SLOT,                      \
		.dry = !!trace_of(ctx_),                                                           \
	}

int gateway(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	int verdict;

	verdict = parse(&p) ?:
		  find_service(&p) ?:
		  filter(&p) ?:
		  handle_icmp(&p) ?:
		  find_flow(&p) ?:
		  hand_over_stray(&p) ?:
		  choose_by_ring(&p) ?:
		  forward(&p);

	return finish(&p, verdict);
}

/* UDP and ICMP of sources that may send only so many packets. */
int limit(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	int verdict;

	verdict = parse(&p) ?: find_service(&p) ?: limit_rate(&p) ?: hand_over(&p, PROGRAM_STEER);

	return finish(&p, verdict);
}

/* SYNs and RSTs while the guard answers. */
int opening(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	int verdict;

	verdict = parse(&p) ?:
		  find_service(&p) ?:
		  guard_opening(&p) ?:
		  hand_over(&p, PROGRAM_STEER);

	return finish(&p, verdict);
}

/* Those that the guard lets go on, and strays. */
int steer(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	int verdict;

	verdict = parse(&p) ?:
		  find_service(&p) ?:
		  handle_icmp(&p) ?:
		  find_flow(&p) ?:
		  guard_unknown(&p) ?:
		  choose_by_ring(&p) ?:
		  forward(&p);

	return finish(&p, verdict);
}
