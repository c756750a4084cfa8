import { createContext, type ReactNode } from 'react'

interface PanelProps {
  title: string
  children?: ReactNode
}

type Theme = 'light' | 'dark'

export const ThemeContext = createContext<Theme>('light')

export function Panel({ title, children }: PanelProps) {
  const close = (): void => {}
  return (
    <section onClick={close}>
      <h2>{title}</h2>
      {children}
    </section>
  )
}

export const List = <T,>({ items }: { items: T[] }) => (
  <ul>
    {items.map((item) => (
      <li>{String(item)}</li>
    ))}
  </ul>
)

export enum Side {
  Left,
  Right,
}
