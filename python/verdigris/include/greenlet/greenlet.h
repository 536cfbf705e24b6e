/* The C API of greenlet: for extensions that make and switch greenlets from C or C++.
 *
 * The names and the binary interface are greenlet's, so that source written for its header
 * compiles against this one, and what was compiled against either runs on either. Find the folder
 * with `verdigris include`, or verdigris.rawgreenlet.get_include(), and say
 *
 *     #include <Python.h>
 *     #include "greenlet/greenlet.h"
 *
 * Call PyGreenlet_Import() once, before anything else here, in each source file that includes
 * this; it imports the module "greenlet", which is verdigris in a process that uses verdigris.
 * Everything here needs the GIL.
 *
 * C++ exceptions may be thrown and caught in each greenlet's frames; one that nobody catches ends
 * the process. The C++ runtime keeps one list for each thread of what is being handled, greenlets
 * or not: of two that have switched away from inside of a catch block, the last must leave it first.
 */
#ifndef VERDIGRIS_GREENLET_H
#define VERDIGRIS_GREENLET_H

#include <Python.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface, not of a package: it has never changed. */
#define GREENLET_VERSION "1.0.0"

/* A greenlet, as far as C can see it: enough to embed one in a subtype. */
typedef struct _greenlet {
    PyObject_HEAD
    PyObject *weakreflist;
    PyObject *dict;
    void *pimpl;
} PyGreenlet;

/* Where things are in the table that the capsule holds. */
#define PyGreenlet_Type_NUM 0
#define PyExc_GreenletError_NUM 1
#define PyExc_GreenletExit_NUM 2
#define PyGreenlet_New_NUM 3
#define PyGreenlet_GetCurrent_NUM 4
#define PyGreenlet_Throw_NUM 5
#define PyGreenlet_Switch_NUM 6
#define PyGreenlet_SetParent_NUM 7
#define PyGreenlet_MAIN_NUM 8
#define PyGreenlet_STARTED_NUM 9
#define PyGreenlet_ACTIVE_NUM 10
#define PyGreenlet_GET_PARENT_NUM 11
#define PyGreenlet_API_pointers 12

/* The table. NULL before PyGreenlet_Import(), and after it if that failed. */
static void **_PyGreenlet_API = NULL;

/* Finds the table. On failure _PyGreenlet_API is NULL and an ImportError (or what the import
 * raised) is set. */
#define PyGreenlet_Import() \
    { \
        _PyGreenlet_API = (void **)PyCapsule_Import("greenlet._C_API", 0); \
    }

/* greenlet.greenlet, greenlet.error, greenlet.GreenletExit. */
#define PyGreenlet_Type (*(PyTypeObject *)_PyGreenlet_API[PyGreenlet_Type_NUM])
#define PyExc_GreenletError ((PyObject *)_PyGreenlet_API[PyExc_GreenletError_NUM])
#define PyExc_GreenletExit ((PyObject *)_PyGreenlet_API[PyExc_GreenletExit_NUM])

/* Whether `op`, which may be NULL, is a greenlet or of a subtype. Never fails. */
#define PyGreenlet_Check(op) ((op) && PyObject_TypeCheck((op), &PyGreenlet_Type))

/* greenlet(run, parent). Without `run` (NULL) it must be set, as an attribute, before the start;
 * without `parent` it is the running greenlet. A new reference, or NULL with an exception. */
#define PyGreenlet_New \
    (*(PyGreenlet * (*)(PyObject * run, PyGreenlet * parent)) \
         _PyGreenlet_API[PyGreenlet_New_NUM])

/* The running greenlet. A new reference, or NULL with a RuntimeError while the interpreter ends. */
#define PyGreenlet_GetCurrent \
    (*(PyGreenlet * (*)(void)) _PyGreenlet_API[PyGreenlet_GetCurrent_NUM])

/* g.throw(typ, val, tb); `val` and `tb` may be NULL. As PyGreenlet_Switch otherwise. */
#define PyGreenlet_Throw \
    (*(PyObject * (*)(PyGreenlet * g, PyObject * typ, PyObject * val, PyObject * tb)) \
         _PyGreenlet_API[PyGreenlet_Throw_NUM])

/* g.switch(*args, **kwargs); `args` is a tuple or NULL, `kwargs` a dict or NULL. Returns when
 * somebody switches back: a new reference to what they gave, or NULL with an exception. */
#define PyGreenlet_Switch \
    (*(PyObject * (*)(PyGreenlet * g, PyObject * args, PyObject * kwargs)) \
         _PyGreenlet_API[PyGreenlet_Switch_NUM])

/* g.parent = nparent. 0, or -1 with an exception. */
#define PyGreenlet_SetParent \
    (*(int (*)(PyGreenlet * g, PyGreenlet * nparent)) _PyGreenlet_API[PyGreenlet_SetParent_NUM])

/* g.parent. A new reference; NULL without an exception for a main greenlet. */
#define PyGreenlet_GetParent \
    (*(PyGreenlet * (*)(PyGreenlet * g)) _PyGreenlet_API[PyGreenlet_GET_PARENT_NUM])
#define PyGreenlet_GET_PARENT PyGreenlet_GetParent

/* Whether `g` is the main greenlet of a thread; was switched to once; has begun and not ended.
 * -1 with an exception for what is not a greenlet. */
#define PyGreenlet_MAIN \
    (*(int (*)(PyGreenlet * g)) _PyGreenlet_API[PyGreenlet_MAIN_NUM])
#define PyGreenlet_STARTED \
    (*(int (*)(PyGreenlet * g)) _PyGreenlet_API[PyGreenlet_STARTED_NUM])
#define PyGreenlet_ACTIVE \
    (*(int (*)(PyGreenlet * g)) _PyGreenlet_API[PyGreenlet_ACTIVE_NUM])

#ifdef __cplusplus
}
#endif

#endif /* VERDIGRIS_GREENLET_H */
