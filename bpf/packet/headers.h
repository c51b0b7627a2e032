// SPDX-License-Identifier: GPL-2.0-only
/* Protocol headers as they are on the wire. linux-libc-dev's own are enough: no kernel headers. */
#pragma once

#include <uapi/linux/if_ether.h>
#include <uapi/linux/in.h>
#include <uapi/linux/ip.h>
#include <uapi/linux/ipv6.h>
#include <uapi/linux/tcp.h>
#include <uapi/linux/udp.h>
#include <asm/byteorder.h>

#define HTONS(x) __constant_htons(x)
#define HTONL(x) __constant_htonl(x)

struct vlan_header {
	__be16 tci;
	__be16 protocol;
};

/* ICMP (RFC 792) and ICMPv6 (RFC 4443) share their first eight bytes. */
struct icmp_header {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__be16 id;  /* unused, in errors */
	__be16 mtu; /* sequence number, in echoes */
};

/* What IPv6 extension headers share (RFC 8200 4); fragment (4.5) and routing (4.4) in full. */
struct extension {
	__u8 next;
	__u8 length; /* in units of 8 bytes, the first not counted; AH: of 4 bytes, less 2 */
	__be16 fragment;
	__be32 id;
};

#define IP_DF 0x4000
#define IP_MF 0x2000
#define IP_OFFSET 0x1fff

#define ICMP_ECHO_REPLY 0
#define ICMP_UNREACHABLE 3
#define ICMP_FRAGMENTATION_NEEDED 4
#define ICMP_ECHO_REQUEST 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER_PROBLEM 12
#define ICMP6_UNREACHABLE 1
#define ICMP6_TOO_BIG 2
#define ICMP6_PARAMETER_PROBLEM 4
#define ICMP6_ECHO_REQUEST 128
#define ICMP6_ECHO_REPLY 129

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20
#define TCP_ECE 0x40
#define TCP_CWR 0x80
