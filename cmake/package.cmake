# The library for other projects: `find_package(cprobe)`, then link `cprobe::cprobe`. One archive
# of the folders from core to probe, with the face, src/cprobe/cprobe.h. The folders right of probe
# stay out: they need SQLite, MPI and Plotly.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/cprobe)

add_library(cprobe_package STATIC)
foreach(folder core io tokenizer data tasks model training circuit evaluate plant baselines spec probe)
  target_sources(cprobe_package PRIVATE $<TARGET_OBJECTS:cprobe_${folder}>)
  install(DIRECTORY src/cprobe/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cprobe FILES_MATCHING PATTERN "*.h")
endforeach()
install(FILES src/cprobe/cprobe.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cprobe)
set_target_properties(cprobe_package PROPERTIES OUTPUT_NAME cprobe EXPORT_NAME cprobe LINKER_LANGUAGE CXX)
set_target_properties(cprobe_fmt PROPERTIES EXPORT_NAME fmt)
target_compile_features(cprobe_package INTERFACE cxx_std_20)
# libtorch is added by cprobeConfig.cmake: other machines have it elsewhere.
target_link_libraries(cprobe_package INTERFACE cprobe_fmt OpenMP::OpenMP_CXX nlohmann_json::nlohmann_json yaml-cpp
                      muparser::muparser PkgConfig::PCRE2 PkgConfig::UTF8PROC ${CMAKE_DL_LIBS} $<$<BOOL:${ONEDNN_LIBRARY}>:dnnl>)

install(TARGETS cprobe_package cprobe_fmt EXPORT cprobeTargets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT cprobeTargets NAMESPACE cprobe:: DESTINATION ${package_folder})
configure_package_config_file(cmake/cprobeConfig.cmake.in ${PROJECT_BINARY_DIR}/cprobeConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cprobeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cprobeConfig.cmake ${PROJECT_BINARY_DIR}/cprobeConfigVersion.cmake cmake/torch.cmake
        DESTINATION ${package_folder})
