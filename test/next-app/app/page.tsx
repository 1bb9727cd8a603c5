export default function Home() {
  return <h1>A shop of reports</h1>;
}
