'use strict'

function Store(db) {
  this.add = () => {}
  const remove = useCallback(() => {}, [])
  return function removed() { return remove }
}

exports.open = exports.load = function () {}
module.exports.close = async function () {}
Store.prototype.find = function () {}
Store.prototype = { first: function () {}, last() {} }

const handlers = {
  list: wrap(async (request) => {}),
  save: async (request) => {},
  'not found': function () {},
  *each() {},
  limit: 10,
}

exports.routes = asyncHandler(async () => {})
KIT().use(function plugin(kit) {
  kit.start = function start() {}
})
var old = function named() {}
var same = function same() {}
handlers['indexed'] = () => {}
exports.Shape = class Square {}
const Memo = React.memo(function Inner() {})
const doubled = [1, 2].map((n) => n * 2)
