import { Injectable } from '@example/core'
import type { Item } from './item'

export const LIMIT = 100 as const
declare const BUILD: string

export type Id = string | number
type Listener<T> = (value: T) => void

export interface Repository<T> extends Iterable<T> {
  readonly name: string
  find(id: Id): T | undefined
  save?(value: T): Promise<void>
  onChange: Listener<T>
}

export enum Status {
  Open = 'open',
  Done = 'done',
}

const enum Flag {
  None,
}

function parse(value: string): number
function parse(value: number): string
function parse(value: any): any {
  return value
}

@Injectable()
export class Store<T extends Item> implements Repository<T> {
  private items = new Map<Id, T>()

  constructor(readonly name: string) {}

  find(id: Id): T | undefined {
    return this.items.get(id)
  }

  onChange = (value: T): void => {
    this.items.set(value.id, value)
  };

  *[Symbol.iterator](): Iterator<T> {
    yield* this.items.values()
  }
}

abstract class Shape {
  abstract area(): number

  protected describe(): string {
    return `${this.area()} ${BUILD} ${Flag.None}`
  }
}

export namespace Geometry {
  export const ORIGIN = 0

  export function distance(a: Shape, b: Shape): number {
    const square = (x: number) => x * x
    return square(a.area() - b.area())
  }
}

declare module 'legacy' {
  export function old(): void
}

export default async function main(): Promise<void> {
  await parse('1')
}

export const handler = async <T,>(event: T): Promise<T> => event
