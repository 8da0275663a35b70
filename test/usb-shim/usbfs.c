/* usbfs: device nodes, transfers, and the ioctls that libusb issues. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_FDS 65536
#define SETUP_BYTES 8
#define IN 0x80

/* Read without the lock by every ioctl and close of the process, hence atomic. */
static struct node *_Atomic node_of_fd[MAX_FDS];
static struct node *nodes;
static uint32_t next_node = 1, next_urb = 1;

struct node *usbfs_node(int fd)
{
	return fd >= 0 && fd < MAX_FDS ? node_of_fd[fd] : NULL;
}

/* Writable means that a transfer can be reaped. */
static void set_writable(struct node *node, bool writable)
{
	char byte = 0;
	if (node->read_end < 0)
		return;
	if (writable && node->byte_inside)
		node->byte_inside = read(node->read_end, &byte, 1) != 1;
	else if (!writable && !node->byte_inside)
		node->byte_inside = write(node->fd, &byte, 1) == 1;
}

static void finish(struct node *node, struct urb *urb, int status)
{
	urb->host->status = status;
	urb->next = NULL;
	*node->done_tail = urb;
	node->done_tail = &urb->next;
	set_writable(node, true);
}

/* Takes a pending transfer out, by its number or, when `host` is given, by libusb's structure. */
static struct urb *take_pending(struct node *node, uint32_t id, const struct usbdevfs_urb *host)
{
	for (struct urb **p = &node->pending; *p; p = &(*p)->next) {
		struct urb *urb = *p;
		if (host ? urb->host != host : urb->id != id)
			continue;
		*p = urb->next;
		if (!*p)
			node->pending_tail = p;
		return urb;
	}
	return NULL;
}

int usbfs_open(int bus, int address)
{
	uint32_t message[3];
	int ends[2], result;
	struct node *node;

	pthread_mutex_lock(&shim_lock);
	struct device *device = shim_find(bus, address);
	if (!device) {
		pthread_mutex_unlock(&shim_lock);
		errno = ENOENT;
		return -1;
	}
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
		pthread_mutex_unlock(&shim_lock);
		return -1;
	}
	fcntl(ends[1], F_SETPIPE_SZ, 4096); /* one page: one byte fills it */
	node = calloc(1, sizeof *node);
	node->read_end = ends[0];
	node->fd = ends[1];
	node->id = next_node++;
	node->device = device;
	node->pending_tail = &node->pending;
	node->done_tail = &node->done;
	set_writable(node, false);
	node->next = nodes;
	nodes = node;
	node_of_fd[node->fd] = node;
	pthread_mutex_unlock(&shim_lock);

	message[1] = node->id;
	message[2] = (uint32_t)bus | (uint32_t)address << 8;
	result = wire_call(TO_SERVER_OPEN, message, sizeof message);
	if (result == 0)
		return ends[1];
	usbfs_close(ends[1]);
	real_close(ends[1]);
	errno = -result;
	return -1;
}

/* Forgets the node; the caller closes the descriptor. False when it is none of ours. */
bool usbfs_close(int fd)
{
	struct node *node = usbfs_node(fd);
	if (!node)
		return false;
	pthread_mutex_lock(&shim_lock);
	node_of_fd[fd] = NULL;
	for (struct node **p = &nodes; *p; p = &(*p)->next) {
		if (*p == node) {
			*p = node->next;
			break;
		}
	}
	*node->pending_tail = node->done;
	for (struct urb *urb = node->pending, *next; urb; urb = next) {
		next = urb->next;
		free(urb);
	}
	if (node->read_end >= 0)
		real_close(node->read_end);
	wire_send(TO_SERVER_CLOSE, &node->id, sizeof node->id, NULL, 0);
	pthread_mutex_unlock(&shim_lock);
	free(node);
	return true;
}

void usbfs_complete(uint32_t node_id, uint32_t urb_id, int32_t status, uint32_t actual, const uint8_t *data,
		    uint32_t length)
{
	struct node *node = nodes;
	while (node && node->id != node_id)
		node = node->next;
	struct urb *urb = node ? take_pending(node, urb_id, NULL) : NULL;
	if (!urb)
		return; /* closed or discarded meanwhile */

	struct usbdevfs_urb *host = urb->host;
	uint32_t skip = host->type == USBDEVFS_URB_TYPE_CONTROL ? SETUP_BYTES : 0;
	uint32_t room = (uint32_t)host->buffer_length - skip;
	if (length > room) {
		length = actual = room;
		status = -EOVERFLOW;
	}
	memcpy((uint8_t *)host->buffer + skip, data, length);
	host->actual_length = (int)actual;
	finish(node, urb, status);
}

void usbfs_unplugged(struct device *device)
{
	for (struct node *node = nodes; node; node = node->next) {
		if (node->device != device)
			continue;
		while (node->pending)
			finish(node, take_pending(node, node->pending->id, NULL), -ESHUTDOWN);
		real_close(node->read_end);
		node->read_end = -1;
	}
}

static int fail(int error)
{
	errno = error;
	return -1;
}

static int submit(struct node *node, struct usbdevfs_urb *host)
{
	struct {
		uint32_t node, urb, length;
		uint8_t type, endpoint, unused[2];
	} message = { .type = host->type, .endpoint = host->endpoint };
	const uint8_t *buffer = host->buffer;
	uint32_t length = (uint32_t)host->buffer_length, sent;

	if (host->type == USBDEVFS_URB_TYPE_ISO)
		return fail(ENOTTY);
	if (host->type == USBDEVFS_URB_TYPE_CONTROL)
		sent = buffer[0] & IN ? SETUP_BYTES : length;
	else
		sent = host->endpoint & IN ? 0 : length;

	struct urb *urb = calloc(1, sizeof *urb);
	urb->host = host;
	pthread_mutex_lock(&shim_lock);
	if (!node->device->present) {
		pthread_mutex_unlock(&shim_lock);
		free(urb);
		return fail(ENODEV);
	}
	host->status = -EINPROGRESS;
	host->actual_length = 0;
	urb->id = next_urb++;
	*node->pending_tail = urb;
	node->pending_tail = &urb->next;
	message.node = node->id;
	message.urb = urb->id;
	message.length = length;
	/* Sent under the lock, so that the server sees transfers in the order of the list. */
	wire_send(TO_SERVER_SUBMIT, &message, sizeof message, buffer, sent);
	pthread_mutex_unlock(&shim_lock);
	return 0;
}

static int discard(struct node *node, const struct usbdevfs_urb *host)
{
	pthread_mutex_lock(&shim_lock);
	struct urb *urb = take_pending(node, 0, host);
	if (urb) {
		uint32_t message[2] = { node->id, urb->id };
		wire_send(TO_SERVER_DISCARD, message, sizeof message, NULL, 0);
		finish(node, urb, -ENOENT);
	}
	pthread_mutex_unlock(&shim_lock);
	return urb ? 0 : fail(EINVAL);
}

static int reap(struct node *node, void **result)
{
	pthread_mutex_lock(&shim_lock);
	struct urb *urb = node->done;
	bool gone = !node->device->present;
	if (urb) {
		node->done = urb->next;
		if (!node->done) {
			node->done_tail = &node->done;
			set_writable(node, false);
		}
		*result = urb->host;
	}
	pthread_mutex_unlock(&shim_lock);
	if (!urb)
		return fail(gone ? ENODEV : EAGAIN);
	free(urb);
	return 0;
}

/* Requests that the model answers: the number of the ioctl and one word of argument. */
static int ask(struct node *node, unsigned long request, uint32_t argument)
{
	uint32_t message[4] = { 0, node->id, _IOC_NR(request), argument };
	int result = wire_call(TO_SERVER_REQUEST, message, sizeof message);
	return result < 0 ? fail(-result) : 0;
}

static int speed_class(uint32_t mbits)
{
	return mbits >= 5000 ? 5 : mbits >= 480 ? 3 : mbits >= 12 ? 2 : 1; /* enum usb_device_speed */
}

int usbfs_ioctl(struct node *node, unsigned long request, void *argument)
{
	switch (request) {
	case USBDEVFS_REAPURBNDELAY: /* works on after an unplug, see REAP_AFTER_DISCONNECT */
		return reap(node, argument);
	case USBDEVFS_DISCARDURB:
		return discard(node, argument);
	case USBDEVFS_SUBMITURB:
		return submit(node, argument);
	case USBDEVFS_GET_CAPABILITIES:
		*(uint32_t *)argument = USBDEVFS_CAP_ZERO_PACKET | USBDEVFS_CAP_BULK_CONTINUATION |
					USBDEVFS_CAP_NO_PACKET_SIZE_LIM | USBDEVFS_CAP_BULK_SCATTER_GATHER |
					USBDEVFS_CAP_REAP_AFTER_DISCONNECT;
		return 0;
	}
	if (!node->device->present)
		return fail(ENODEV);
	switch (request) {
	case USBDEVFS_GET_SPEED:
		return speed_class(node->device->speed);
	case USBDEVFS_GETDRIVER:
		return fail(ENODATA); /* no kernel driver is bound */
	case USBDEVFS_SETCONFIGURATION: {
		uint32_t value = *(uint32_t *)argument;
		int result = ask(node, request, value);
		if (result == 0)
			node->device->configuration = (uint8_t)value;
		return result;
	}
	case USBDEVFS_SETINTERFACE:
	case USBDEVFS_CLAIMINTERFACE:
	case USBDEVFS_RELEASEINTERFACE:
	case USBDEVFS_CLEAR_HALT:
	case USBDEVFS_RESETEP:
		return ask(node, request, *(uint32_t *)argument);
	case USBDEVFS_RESET:
		return ask(node, request, 0);
	}
	return fail(ENOTTY);
}
