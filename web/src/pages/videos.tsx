export default function Page() { return <div class="content"/>; }
