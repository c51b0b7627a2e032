// SPDX-License-Identifier: GPL-2.0-only
/* The gateway: what happens to a packet, step by step. docs/packet.md has the drawing. */
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

int gateway(struct xdp_md *ctx)
{
	struct packet p = {
		.ctx = ctx,
		.at = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
		.frame_length = ctx->data_end - ctx->data,
		.slot = NO_SLOT,
		.dry = !!trace_of(ctx),
	};
	int verdict;

	verdict = parse(&p) ?:
		  find_service(&p) ?:
		  filter(&p) ?:
		  handle_icmp(&p) ?:
		  guard_opening(&p) ?:
		  find_flow(&p) ?:
		  guard_unknown(&p) ?:
		  choose_by_ring(&p) ?:
		  forward(&p);

	return finish(&p, verdict);
}
