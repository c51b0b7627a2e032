// SPDX-License-Identifier: GPL-2.0-only
/* What no gateway can do without: our own parser, and PASS. */
#include "packet/headers.h"
#include "packet/packet.h"
#include "packet/parse.h"
#include "maps/verdicts.h"

/* Addresses and ports are compared with one service, or the compiler would leave them unread. */
int parse_floor(struct xdp_md *ctx)
{
	struct packet p = {
		.ctx = ctx,
		.at = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};

	if (parse(&p))
		return XDP_PASS;
	if (p.has_ports && p.destination.half[0] == 1 && p.destination.half[1] == 1 &&
	    p.source.half[0] == 1 && p.source.half[1] == 1 && p.destination_port == 1 &&
	    p.source_port == 1)
		return XDP_DROP;
	return XDP_PASS;
}
