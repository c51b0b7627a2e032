// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gateway: what happens to a packet, step by step. docs/packet.md has the drawing.
 * What a guard must look at closer is handed over to the programs of guard.c, which hand it back:
 * a packet that no guard looks at pays nothing for them.
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
#include "flow.h"
#include "ring.h"
#include "forward.h"

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
