/* Encrypts and decrypts RTP by AES-128-GCM (RFC 3711, RFC 7714), for who has a compiler: `./run compile` builds it.

   It does to the byte what libsrtp does, which runs where this is not there. The cipher is the same, OpenSSL's out of
   pylibsrtp; but that libsrtp's own work around it, which is compiled without optimisation, keeps a cipher for every
   SSRC and moves a list of numbers along with every packet, costs more than the cipher. Here a direction has one cipher,
   of each SSRC the newest number is kept, and of those received which were there before. That numbers which are sent are
   not used again with something else is decided where they are given (`forwarder.py`), here as with libsrtp, which is
   told to repeat.

   Python calls this through cffi, which lets go of the interpreter meanwhile: memory is not Python's. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <structmember.h>

enum { KEY_BYTES = 16, SALT_BYTES = 12, TAG_BYTES = 16, HEADER_BYTES = 12 };

enum { SENT_WINDOW = 256, RECEIVED_WINDOW = 1024 }; /* see srtp.py */

/* OpenSSL's, out of pylibsrtp: `bind` says where they are. In the order of `native.CIPHER_FUNCTIONS`. */
static struct {
    void *(*new)(void);
    void (*free)(void *cipher);
    const void *(*aes_128_gcm)(void);
    int (*encrypt)(void *cipher, const void *type, void *engine, const uint8_t *key, const uint8_t *iv);
    int (*encrypt_more)(void *cipher, uint8_t *out, int *written, const uint8_t *in, int size);
    int (*encrypt_last)(void *cipher, uint8_t *out, int *written);
    int (*decrypt)(void *cipher, const void *type, void *engine, const uint8_t *key, const uint8_t *iv);
    int (*decrypt_more)(void *cipher, uint8_t *out, int *written, const uint8_t *in, int size);
    int (*decrypt_last)(void *cipher, uint8_t *out, int *written);
    int (*control)(void *cipher, int what, int number, void *pointer);
} evp;

enum { GET_TAG = 0x10, SET_TAG = 0x11 }; /* EVP_CTRL_AEAD_GET_TAG and _SET_TAG */

typedef struct {
    uint32_t ssrc;
    /* The index of a packet: the rollover counter and, in the last 16 bits, the number (RFC 3711, section 3.3.1). */
    int64_t newest;
    uint64_t *seen; /* of what is received: a bit for each of the newest indices, at its place modulo RECEIVED_WINDOW */
} Stream;

/* One direction of a transport: a cryptographic context (RFC 3711, section 3.2) with the session keys of all its SSRCs. */
typedef struct {
    PyObject_HEAD
    void *cipher;
    uint8_t salt[SALT_BYTES];
    Stream *streams;
    size_t count, room, last; /* the stream found last: most often the next packet is of it, too */
} Context;

static Stream *find_stream(Context *self, uint32_t ssrc)
{
    if (self->last < self->count && self->streams[self->last].ssrc == ssrc)
        return self->streams + self->last;
    for (size_t at = 0; at < self->count; at++)
        if (self->streams[at].ssrc == ssrc)
            return self->streams + (self->last = at);
    return NULL;
}

/* A stream of this SSRC, of which there is none yet; NULL without memory. */
static Stream *add_stream(Context *self, uint32_t ssrc)
{
    if (self->count == self->room) {
        size_t room = self->room ? 2 * self->room : 16;
        Stream *streams = PyMem_RawRealloc(self->streams, room * sizeof *streams);
        if (!streams)
            return NULL;
        self->streams = streams, self->room = room;
    }
    self->streams[self->count] = (Stream){ssrc, -1, NULL};
    return self->streams + (self->last = self->count++);
}

/* The index of the packet with this number: the nearest to the newest (RFC 3711, section 3.3.1); -1 where that is too old.
   Nothing is before the first turn of the rollover counter. */
static int64_t index_of(int64_t newest, uint16_t number, int window)
{
    int64_t index = newest < 0 ? number : (newest & ~(int64_t)0xFFFF) | number;
    if (index - newest > 0x8000 && index > 0xFFFF)
        index -= 0x10000;
    else if (newest - index > 0x8000)
        index += 0x10000;
    return index > newest - window && index >> 48 == 0 ? index : -1; /* a key is good for 2^48 (RFC 3711, section 9.2) */
}

/* Where the bit of this index is: see `Stream.seen`. */
static uint64_t *seen_at(uint64_t *seen, int64_t index, uint64_t *bit)
{
    *bit = UINT64_C(1) << (index & 63);
    return seen + (index & (RECEIVED_WINDOW - 1)) / 64;
}

static int was_seen(const Stream *stream, int64_t index)
{
    uint64_t bit;
    return !stream->seen || (index <= stream->newest && *seen_at(stream->seen, index, &bit) & bit);
}

static void note_seen(Stream *stream, int64_t index)
{
    uint64_t bit, *at;
    if (index - stream->newest >= RECEIVED_WINDOW)
        memset(stream->seen, 0, RECEIVED_WINDOW / 8);
    else
        for (int64_t skipped = stream->newest + 1; skipped < index; skipped++) {
            at = seen_at(stream->seen, skipped, &bit);
            *at &= ~bit;
        }
    at = seen_at(stream->seen, index, &bit);
    *at |= bit;
    if (index > stream->newest)
        stream->newest = index;
}

/* How long the header is (RFC 3550, sections 5.1 and 5.3.1): what is authenticated and not encrypted. Larger than `size`
   where there is none. */
static int header_size(const uint8_t *packet, int size)
{
    if (size < HEADER_BYTES)
        return size + 1;
    int header = HEADER_BYTES + 4 * (packet[0] & 15);
    if (packet[0] & 0x10)
        header = header + 4 > size ? size + 1 : header + 4 + 4 * (packet[header + 2] << 8 | packet[header + 3]);
    return header;
}

static uint32_t ssrc_of(const uint8_t *packet)
{
    return (uint32_t)packet[8] << 24 | (uint32_t)packet[9] << 16 | (uint32_t)packet[10] << 8 | packet[11];
}

static uint16_t number_of(const uint8_t *packet) { return (uint16_t)(packet[2] << 8 | packet[3]); }

/* RFC 7714, section 8.1. */
static void write_iv(uint8_t *iv, const Context *self, const uint8_t *packet, int64_t index)
{
    memset(iv, 0, 2);
    memcpy(iv + 2, packet + 8, 4);
    for (int at = 0; at < 6; at++)
        iv[6 + at] = (uint8_t)(index >> (40 - 8 * at));
    for (int at = 0; at < SALT_BYTES; at++)
        iv[at] ^= self->salt[at];
}

/* What libsrtp's srtp_protect is: encrypts the packet of `*length` bytes where it is and puts its tag behind it; not 0
   where it is refused. */
static int protect(void *context, void *place, int *length)
{
    Context *self = context;
    uint8_t *packet = place, iv[SALT_BYTES];
    int size = *length, written, header = header_size(packet, size);
    if (header > size)
        return 1;
    Stream *stream = find_stream(self, ssrc_of(packet));
    if (!stream && !(stream = add_stream(self, ssrc_of(packet))))
        return 1;
    int64_t index = index_of(stream->newest, number_of(packet), SENT_WINDOW);
    if (index < 0)
        return 1;
    write_iv(iv, self, packet, index);
    if (!evp.encrypt(self->cipher, NULL, NULL, NULL, iv) ||
        !evp.encrypt_more(self->cipher, NULL, &written, packet, header) ||
        (size > header && !evp.encrypt_more(self->cipher, packet + header, &written, packet + header, size - header)) ||
        !evp.encrypt_last(self->cipher, packet + size, &written) ||
        !evp.control(self->cipher, GET_TAG, TAG_BYTES, packet + size))
        return 1;
    if (index > stream->newest)
        stream->newest = index;
    *length = size + TAG_BYTES;
    return 0;
}

/* What libsrtp's srtp_unprotect is: decrypts the packet of `*length` bytes where it is; not 0 where it is refused, and
   then what is there is nothing. Only what is authentic is noted: a stranger's packet moves no window and has no stream. */
static int unprotect(void *context, void *place, int *length)
{
    Context *self = context;
    uint8_t *packet = place, iv[SALT_BYTES];
    int size = *length - TAG_BYTES, written, header = header_size(packet, size);
    if (header > size)
        return 1;
    Stream *stream = find_stream(self, ssrc_of(packet));
    int64_t index = index_of(stream ? stream->newest : -1, number_of(packet), RECEIVED_WINDOW);
    if (index < 0 || (stream && was_seen(stream, index)))
        return 1;
    write_iv(iv, self, packet, index);
    if (!evp.decrypt(self->cipher, NULL, NULL, NULL, iv) ||
        !evp.control(self->cipher, SET_TAG, TAG_BYTES, packet + size) ||
        !evp.decrypt_more(self->cipher, NULL, &written, packet, header) ||
        (size > header && !evp.decrypt_more(self->cipher, packet + header, &written, packet + header, size - header)) ||
        evp.decrypt_last(self->cipher, packet + size, &written) <= 0)
        return 1;
    if (!stream) {
        uint64_t *seen = PyMem_RawCalloc(1, RECEIVED_WINDOW / 8);
        if (!seen || !(stream = add_stream(self, ssrc_of(packet)))) {
            PyMem_RawFree(seen);
            return 1;
        }
        stream->seen = seen;
    }
    note_seen(stream, index);
    *length = size;
    return 0;
}

static PyObject *context_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    const uint8_t *key, *salt;
    Py_ssize_t key_size, salt_size;
    if (!PyArg_ParseTuple(args, "y#y#", &key, &key_size, &salt, &salt_size))
        return NULL;
    if (key_size != KEY_BYTES || salt_size != SALT_BYTES || !evp.new) {
        PyErr_SetString(PyExc_ValueError, "no key of 16 bytes and salt of 12, or nothing to encrypt with");
        return NULL;
    }
    Context *self = (Context *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    memcpy(self->salt, salt, SALT_BYTES);
    self->cipher = evp.new();
    /* Either way the schedule of the key is the same; which way it goes is said with each packet. */
    if (!self->cipher || !evp.encrypt(self->cipher, evp.aes_128_gcm(), NULL, key, NULL)) {
        PyErr_SetString(PyExc_ValueError, "OpenSSL has no AES-128-GCM");
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static void context_dealloc(Context *self)
{
    if (self->cipher)
        evp.free(self->cipher); /* which wipes the key */
    for (size_t at = 0; at < self->count; at++)
        PyMem_RawFree(self->streams[at].seen);
    PyMem_RawFree(self->streams);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *context_forget(Context *self, PyObject *ssrc)
{
    unsigned long gone = PyLong_AsUnsignedLongMask(ssrc);
    if (PyErr_Occurred())
        return NULL;
    Stream *stream = find_stream(self, (uint32_t)gone);
    if (stream) {
        PyMem_RawFree(stream->seen);
        *stream = self->streams[--self->count];
    }
    Py_RETURN_NONE;
}

static PyObject *context_address(Context *self, void *closure) { return PyLong_FromVoidPtr(self); }

static PyMethodDef context_methods[] = {
    {"forget", (PyCFunction)context_forget, METH_O, "forget(ssrc): what is kept of an SSRC, which is never used again."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef context_attributes[] = {
    {"address", (getter)context_address, NULL, "What `PROTECT` and `UNPROTECT` want first, as long as this is kept.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject ContextType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "media_engine.aead.Context",
    .tp_doc = "Context(key, salt): one direction of a transport, with its session key and session salt.",
    .tp_basicsize = sizeof(Context), .tp_flags = Py_TPFLAGS_DEFAULT, .tp_new = context_new,
    .tp_dealloc = (destructor)context_dealloc, .tp_methods = context_methods, .tp_getset = context_attributes,
};

PyDoc_STRVAR(bind_doc, "bind(*addresses): where OpenSSL's functions are, in the order of native.CIPHER_FUNCTIONS.");

static PyObject *bind_cipher(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    void *found[sizeof evp / sizeof(void *)];
    if (count != sizeof evp / sizeof(void *)) {
        PyErr_SetString(PyExc_TypeError, "another number of functions than there are");
        return NULL;
    }
    for (Py_ssize_t at = 0; at < count; at++)
        if (!(found[at] = PyLong_AsVoidPtr(args[at]))) {
            PyErr_SetString(PyExc_ValueError, "a function is nowhere");
            return NULL;
        }
    memcpy(&evp, found, sizeof evp);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"bind", (PyCFunction)(void (*)(void))bind_cipher, METH_FASTCALL, bind_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "media_engine.aead", "Encryption of RTP, in C.", -1, functions, NULL, NULL, NULL, NULL,
};

/* Name the address of a function in the module. 0 with an exception. */
static int show(PyObject *module, const char *name, void *function)
{
    PyObject *address = PyLong_FromVoidPtr(function);
    int is_lost = !address || PyModule_AddObjectRef(module, name, address);
    Py_XDECREF(address);
    return !is_lost;
}

PyMODINIT_FUNC PyInit_aead(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module && (PyModule_AddType(module, &ContextType) || !show(module, "PROTECT", (void *)protect) ||
                   !show(module, "UNPROTECT", (void *)unprotect)))
        Py_CLEAR(module);
    return module;
}
