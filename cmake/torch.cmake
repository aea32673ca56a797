# After find_package(OpenMP), finds libtorch: TORCH_INCLUDE_DIRS and TORCH_LIBRARIES. With
# CPROBE_TORCH, it is that of PyTorch's Python package (the folder `torch`). find_package(Torch)
# takes that package, too, but one that was built for CUDA only beside a CUDA toolkit, of which
# nothing here is needed.
set(CPROBE_TORCH "" CACHE PATH "Folder `torch` of PyTorch's Python package, whose libtorch is to be used")
if(NOT CPROBE_TORCH)
  find_package(Torch REQUIRED)
  return()
endif()

if(NOT EXISTS ${CPROBE_TORCH}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "CPROBE_TORCH: no lib/libtorch_cpu.so in ${CPROBE_TORCH}; the folder is what "
                      "`python -c 'import torch; print(torch.__path__[0])'` prints")
endif()
file(STRINGS ${CPROBE_TORCH}/share/cmake/Torch/TorchConfig.cmake old_strings REGEX "D_GLIBCXX_USE_CXX11_ABI=0")
if(old_strings)
  message(FATAL_ERROR "CPROBE_TORCH: ${CPROBE_TORCH} has the string class of GCC 4, which other libraries no longer "
                      "have; such packages end with torch 2.6: take a later one")
endif()
set(TORCH_INCLUDE_DIRS ${CPROBE_TORCH}/include ${CPROBE_TORCH}/include/torch/csrc/api/include)
# libtorch.so loads libtorch_cuda.so where there is one. The linker need not know CUDA's libraries.
set(TORCH_LIBRARIES -Wl,--no-as-needed ${CPROBE_TORCH}/lib/libtorch.so ${CPROBE_TORCH}/lib/libtorch_cpu.so
    ${CPROBE_TORCH}/lib/libc10.so -Wl,--as-needed -Wl,--allow-shlib-undefined)
# The package's own libgomp, under whatever name: a second one in the process would have threads of
# its own.
file(GLOB torch_gomp ${CPROBE_TORCH}/lib/libgomp*.so* ${CPROBE_TORCH}/../torch.libs/libgomp*.so*)
if(torch_gomp)
  set_target_properties(OpenMP::OpenMP_CXX PROPERTIES INTERFACE_LINK_LIBRARIES "${torch_gomp}")
endif()
