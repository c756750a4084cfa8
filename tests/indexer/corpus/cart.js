'use strict'

const fs = require('fs')
const { join } = require('path')
const read = require('fs').readFileSync
const TAX = 0.19
const names = ['a', 'b'], EMPTY = Object.freeze({})
let counter = 0

function total(items) {
  const sum = items.reduce((all, item) => all + item.price, 0)
  function round(value) {
    return Math.round(value)
  }
  return round(sum * (1 + TAX))
}

const format = (value) => `${value} EUR`
var legacy = function () {}

function* walk(items) {
  yield* items
}

class Cart extends Map {
  #lines = []
  static limit = 10

  constructor() {
    super()
  }

  get size() {
    return this.#lines.length
  }

  static async load(path) {
    const parse = async (text) => JSON.parse(text)
    return parse(fs.readFileSync(join(path, 'cart')))
  }

  #check() {}

  'quoted name'() {}

  onChange = (event) => {
    counter += 1
  }
}

const Anonymous = class {
  run() {}
}

Cart.prototype.clear = function () {
  this.lines = []
}

Cart.of = (...items) => new Cart(items)

exports.helper = function () {
  return read
}

const plugin = {
  name: 'plugin',
  install(app) {
    app.use(names, EMPTY, legacy, walk, Anonymous)
  },
  callback: () => {},
}

module.exports = function createCart() {
  return new Cart(plugin, total, format)
}
