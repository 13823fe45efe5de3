/* Encrypts what is sent by AES-128-GCM (RFC 3711, RFC 7714), for who has a compiler: `./run compile` builds it.

   It does to the byte what libsrtp does, which runs where this is not there. The cipher is the same, OpenSSL's out of
   pylibsrtp; but that libsrtp's own work around it, which is compiled without optimisation, keeps a cipher for every
   SSRC and moves a list of numbers along with every packet, costs more than the encryption. Here a transport has one
   cipher, and of each SSRC the newest number is kept: that numbers are not used again with something else is decided
   where they are given (`forwarder.py`), here as with libsrtp, which is told to repeat. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <structmember.h>

enum { KEY_BYTES = 16, SALT_BYTES = 12, TAG_BYTES = 16, HEADER_BYTES = 12 };

enum { SENT_WINDOW = 256 }; /* see srtp.py */

/* OpenSSL's, out of pylibsrtp: `bind` says where they are. In the order of `native.CIPHER_FUNCTIONS`. */
static struct {
    void *(*new)(void);
    void (*free)(void *cipher);
    const void *(*aes_128_gcm)(void);
    int (*init)(void *cipher, const void *type, void *engine, const uint8_t *key, const uint8_t *iv);
    int (*update)(void *cipher, uint8_t *out, int *written, const uint8_t *in, int size);
    int (*final)(void *cipher, uint8_t *out, int *written);
    int (*control)(void *cipher, int what, int number, void *pointer);
} evp;

enum { GET_TAG = 0x10 }; /* EVP_CTRL_AEAD_GET_TAG */

typedef struct {
    uint32_t ssrc;
    int64_t newest; /* index of a packet: the rollover counter and, in the last 16 bits, the number (RFC 3711, section 3.3.1) */
} Stream;

typedef struct {
    PyObject_HEAD
    void *cipher;
    uint8_t salt[SALT_BYTES];
    Stream *streams;
    size_t count, room, last; /* the stream found last: most often the next packet is of it, too */
} Protector;

/* The stream of this SSRC, made where there is none yet; NULL without memory. */
static Stream *stream_of(Protector *self, uint32_t ssrc)
{
    if (self->last < self->count && self->streams[self->last].ssrc == ssrc)
        return self->streams + self->last;
    for (size_t at = 0; at < self->count; at++)
        if (self->streams[at].ssrc == ssrc)
            return self->streams + (self->last = at);
    if (self->count == self->room) {
        size_t room = self->room ? 2 * self->room : 16;
        Stream *streams = PyMem_Realloc(self->streams, room * sizeof *streams);
        if (!streams)
            return NULL;
        self->streams = streams, self->room = room;
    }
    self->streams[self->count] = (Stream){ssrc, -1};
    return self->streams + (self->last = self->count++);
}

/* The index of the packet with this number: the nearest to the newest (RFC 3711, section 3.3.1); -1 where that is too old.
   Nothing is before the first turn of the rollover counter. */
static int64_t index_of(int64_t newest, uint16_t number)
{
    int64_t index = newest < 0 ? number : (newest & ~(int64_t)0xFFFF) | number;
    if (index - newest > 0x8000 && index > 0xFFFF)
        index -= 0x10000;
    else if (newest - index > 0x8000)
        index += 0x10000;
    return index > newest - SENT_WINDOW ? index : -1;
}

/* How long the header is (RFC 3550, sections 5.1 and 5.3.1): what is authenticated and not encrypted. */
static int header_size(const uint8_t *packet, int size)
{
    int header = HEADER_BYTES + 4 * (packet[0] & 15);
    if (packet[0] & 0x10)
        header = header + 4 > size ? size + 1 : header + 4 + 4 * (packet[header + 2] << 8 | packet[header + 3]);
    return header;
}

/* What libsrtp's srtp_protect is: encrypts the packet of `*length` bytes where it is and puts its tag behind it; not 0
   where it is refused. */
static int protect(void *context, void *place, int *length)
{
    Protector *self = context;
    uint8_t *packet = place, iv[SALT_BYTES] = {0};
    int size = *length, written, header = size < HEADER_BYTES ? size + 1 : header_size(packet, size);
    if (header > size)
        return 1;
    Stream *stream = stream_of(self, (uint32_t)packet[8] << 24 | packet[9] << 16 | packet[10] << 8 | packet[11]);
    int64_t index = stream ? index_of(stream->newest, (uint16_t)(packet[2] << 8 | packet[3])) : -1;
    if (index < 0)
        return 1;
    /* RFC 7714, section 8.1. */
    memcpy(iv + 2, packet + 8, 4);
    for (int at = 0; at < 6; at++)
        iv[6 + at] = (uint8_t)(index >> (40 - 8 * at));
    for (int at = 0; at < SALT_BYTES; at++)
        iv[at] ^= self->salt[at];
    if (!evp.init(self->cipher, NULL, NULL, NULL, iv) || !evp.update(self->cipher, NULL, &written, packet, header) ||
        (size > header && !evp.update(self->cipher, packet + header, &written, packet + header, size - header)) ||
        !evp.final(self->cipher, packet + size, &written) ||
        !evp.control(self->cipher, GET_TAG, TAG_BYTES, packet + size))
        return 1;
    if (index > stream->newest)
        stream->newest = index;
    *length = size + TAG_BYTES;
    return 0;
}

static PyObject *protector_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    const uint8_t *key, *salt;
    Py_ssize_t key_size, salt_size;
    if (!PyArg_ParseTuple(args, "y#y#", &key, &key_size, &salt, &salt_size))
        return NULL;
    if (key_size != KEY_BYTES || salt_size != SALT_BYTES || !evp.new) {
        PyErr_SetString(PyExc_ValueError, "no key of 16 bytes and salt of 12, or nothing to encrypt with");
        return NULL;
    }
    Protector *self = (Protector *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    memcpy(self->salt, salt, SALT_BYTES);
    self->cipher = evp.new();
    if (!self->cipher || !evp.init(self->cipher, evp.aes_128_gcm(), NULL, key, NULL)) {
        PyErr_SetString(PyExc_ValueError, "OpenSSL has no AES-128-GCM");
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static void protector_dealloc(Protector *self)
{
    if (self->cipher)
        evp.free(self->cipher); /* which wipes the key */
    PyMem_Free(self->streams);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *protector_forget(Protector *self, PyObject *ssrc)
{
    unsigned long gone = PyLong_AsUnsignedLongMask(ssrc);
    if (PyErr_Occurred())
        return NULL;
    for (size_t at = 0; at < self->count; at++)
        if (self->streams[at].ssrc == (uint32_t)gone) {
            self->streams[at] = self->streams[--self->count];
            break;
        }
    Py_RETURN_NONE;
}

static PyObject *protector_address(Protector *self, void *closure) { return PyLong_FromVoidPtr(self); }

static PyMethodDef protector_methods[] = {
    {"forget", (PyCFunction)protector_forget, METH_O, "forget(ssrc): what is kept of an SSRC, which is never used again."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef protector_attributes[] = {
    {"address", (getter)protector_address, NULL, "What `PROTECT` wants as context, as long as this is kept.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject ProtectorType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "media_engine.aead.Protector",
    .tp_doc = "Protector(key, salt): one transport's sending side, with its session key and session salt.",
    .tp_basicsize = sizeof(Protector), .tp_flags = Py_TPFLAGS_DEFAULT, .tp_new = protector_new,
    .tp_dealloc = (destructor)protector_dealloc, .tp_methods = protector_methods, .tp_getset = protector_attributes,
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
    PyModuleDef_HEAD_INIT, "media_engine.aead", "Encryption of what is sent, in C.", -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_aead(void)
{
    PyObject *module = PyModule_Create(&definition);
    PyObject *where = module ? PyLong_FromVoidPtr((void *)protect) : NULL;
    if (module && (!where || PyModule_AddType(module, &ProtectorType) || PyModule_AddObjectRef(module, "PROTECT", where)))
        Py_CLEAR(module);
    Py_XDECREF(where);
    return module;
}
