// SPDX-License-Identifier: GPL-2.0-only
/* What a check has found, and what is made of it: at level monitor it is only noted. */
#pragma once

#include "maps/gateway.h"
#include "packet/packet.h"
#include "steering/finish.h"

INLINE int enforce(struct packet *p, const struct guard *g, __u32 rule, __u32 verdict)
{
	if (g->level[rule] == RULE_ON)
		return verdict;
	if (g->level[rule] == RULE_MONITOR)
		note(p, verdict);
	return GO_ON;
}
