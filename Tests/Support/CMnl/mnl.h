// libmnl, and the kernel's constants for what it decodes.
#pragma once
// First: the kernel headers leave out what the C library has defined, not the other way round.
#include <netinet/in.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
