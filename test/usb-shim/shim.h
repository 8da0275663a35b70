/*
 * usbshim: puts emulated USB devices in front of an unmodified libusb.
 *
 * Loaded with LD_PRELOAD it stands in for the three things that libusb uses on Linux:
 *   usbfs   /dev/bus/usb/BBB/DDD and its ioctls                       usbfs.c
 *   sysfs   /sys/bus/usb/devices/NAME/{busnum,descriptors,...}        sysfs.c
 *   udev    enumeration and hotplug events                            udev.c
 * Requests travel to device models over the Unix socket named by USBSHIM_SOCKET (wire.c, server.ts). Without that
 * variable every call goes to the real system.
 *
 * Scope: Linux with glibc; control, bulk and interrupt transfers, no isochronous ones; one interface a device. The
 * variable and the preload are inherited by child processes, and each becomes a host of its own.
 *
 * Locking: `shim_lock` guards all state below. It may be held while writing to the socket, whose other end never
 * stops reading.
 */
#ifndef USBSHIM_H
#define USBSHIM_H

#include <linux/usbdevice_fs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device {
	uint8_t bus, address;
	uint8_t configuration; /* 0: not configured */
	bool present;
	uint32_t speed; /* Mbit/s, as in sysfs */
	char name[32];  /* directory in /sys/bus/usb/devices */
	uint8_t *descriptors;
	size_t descriptors_length;
	struct device *next;
};

/* A transfer that libusb submitted and has not reaped. */
struct urb {
	uint32_t id;
	struct usbdevfs_urb *host;
	struct urb *next;
};

/*
 * An open usbfs node. Its descriptor is the write end of a pipe with room for one byte, because libusb polls for
 * POLLOUT: the byte is in the pipe while nothing is to be reaped, and taken out when a transfer completes. Closing the
 * read end on unplug gives POLLERR, exactly what usbfs does.
 */
struct node {
	int fd, read_end;
	bool byte_inside;
	uint32_t id;
	struct device *device;
	struct urb *pending, **pending_tail;
	struct urb *done, **done_tail;
	struct node *next;
};

extern pthread_mutex_t shim_lock;
extern struct device *shim_devices;

/* wire.c */
bool shim_active(void); /* connects on first use; waits until the devices are known */
void wire_send(uint8_t type, const void *head, uint32_t head_length, const void *body, uint32_t body_length);
int wire_call(uint8_t type, uint32_t *message, uint32_t length); /* message[0] is filled in; 0 or -errno */
enum { TO_HOST_ATTACH = 1, TO_HOST_DETACH, TO_HOST_READY, TO_HOST_COMPLETE, TO_HOST_REPLY };
enum { TO_SERVER_OPEN = 16, TO_SERVER_CLOSE, TO_SERVER_SUBMIT, TO_SERVER_DISCARD, TO_SERVER_REQUEST };

/* usbfs.c; the last two with the lock held */
int usbfs_open(int bus, int address);
bool usbfs_close(int fd);
struct node *usbfs_node(int fd);
int usbfs_ioctl(struct node *node, unsigned long request, void *argument);
void usbfs_complete(uint32_t node_id, uint32_t urb_id, int32_t status, uint32_t actual, const uint8_t *data,
		    uint32_t length);
void usbfs_unplugged(struct device *device);

/* sysfs.c: a descriptor, or -1 with errno */
int sysfs_open(const char *name, const char *attribute);

/* udev.c; with the lock held */
void udev_announce(struct device *device, bool added);

struct device *shim_find(int bus, int address); /* with the lock held */
int real_close(int fd);

#endif
