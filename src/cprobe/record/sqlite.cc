#include "cprobe/record/sqlite.h"

#include <sqlite3.h>

namespace cprobe {

void CloseDatabase::operator()(sqlite3* database) const {
  sqlite3_close(database);
}

void execute(sqlite3* database, const std::string& sql) {
  if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) throw_database_error(database);
}

Database memory_copy(sqlite3* database) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open(":memory:", &opened);
  Database copy(opened);
  sqlite3_backup* backup = code == SQLITE_OK ? sqlite3_backup_init(opened, "main", database, "main") : nullptr;
  if (backup == nullptr || sqlite3_backup_step(backup, -1) != SQLITE_DONE ||
      sqlite3_backup_finish(backup) != SQLITE_OK) {
    throw_database_error(opened, sqlite3_db_filename(database, "main"));
  }
  return copy;
}

Statement::Statement(sqlite3* database, const std::string& sql) : database_(database) {
  check(sqlite3_prepare_v2(database, sql.c_str(), -1, &statement_, nullptr));
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) throw_database_error(database_);
}

Statement& Statement::bind(const std::string& text) {
  check(sqlite3_bind_text(statement_, ++n_bound_, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bind(int64_t integer) {
  check(sqlite3_bind_int64(statement_, ++n_bound_, integer));
  return *this;
}

Statement& Statement::bind(double number) {
  check(sqlite3_bind_double(statement_, ++n_bound_, number));
  return *this;
}

Statement& Statement::bind(const std::optional<double>& number) {
  if (number) return bind(*number);
  check(sqlite3_bind_null(statement_, ++n_bound_));
  return *this;
}

Statement& Statement::bind(const std::optional<int64_t>& integer) {
  if (integer) return bind(*integer);
  return bind(std::optional<double>());
}

Statement& Statement::bind(const RowValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return bind(std::optional<double>());
  if (const int64_t* integer = std::get_if<int64_t>(&value)) return bind(*integer);
  if (const double* number = std::get_if<double>(&value)) return bind(*number);
  return bind(std::get<std::string>(value));
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) throw_database_error(database_);
  return code == SQLITE_ROW;
}

std::string Statement::text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_, column);
  return text == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(text));
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}
double Statement::number(int column) const {
  return sqlite3_column_double(statement_, column);
}
bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

bool Statement::is_real(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_FLOAT;
}

RowValue Statement::value(int column) const {
  switch (sqlite3_column_type(statement_, column)) {
    case SQLITE_NULL:
      return {};
    case SQLITE_INTEGER:
      return integer(column);
    case SQLITE_FLOAT:
      return number(column);
    default:
      return text(column);
  }
}

RowValues Statement::values(int first_column) const {
  RowValues all;
  for (int column = first_column; column < n_columns(); ++column) all.push_back(value(column));
  return all;
}

int Statement::n_columns() const {
  return sqlite3_column_count(statement_);
}

Transaction::Transaction(sqlite3* database) : database_(database) {
  execute(database_, "BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (open_) sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  execute(database_, "COMMIT");
  open_ = false;
}

}  // namespace cprobe
