// SPDX-License-Identifier: GPL-2.0-only
/* The gateway while any service has hints. */
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
#include "newcomer.h"
#include "forward.h"

int hinted(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	int verdict;

	verdict = parse(&p) ?:
		  find_service(&p) ?:
		  filter(&p) ?:
		  handle_icmp(&p) ?:
		  find_flow(&p) ?:
		  hand_over_stray(&p) ?:
		  hand_over_unsettled(&p) ?:
		  hand_over_quic(&p) ?:
		  choose_for_newcomer(&p, 0) ?:
		  forward(&p);

	return finish(&p, verdict);
}
